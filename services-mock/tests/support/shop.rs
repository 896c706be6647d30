//! A shop's instance, its tokens and its questions, shared by the tests of shop mode.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::Path;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use serde_json::{Value, json};
use services_mock::{Admin, Running, Secret, Settings, ShopSettings, StoreAt};

use crate::support::{Answer, send, start};

pub(crate) const ADMIN: (&str, &str) = ("root@example.com", "root password");
pub(crate) const ADA: (&str, &str) = ("ada@example.com", "correct horse");

/// An instance of user-service over SQLite in the folder, or memory, with the given changes.
pub(crate) async fn start_shop(
    folder: Option<&Path>,
    change: impl FnOnce(&mut Settings),
) -> Running {
    start(|settings| {
        let mut shop = ShopSettings::new(Secret::new("a secret for tests, known to everybody"));
        shop.bcrypt_cost = 4;
        shop.admin = Some(Admin {
            email: ADMIN.0.to_owned(),
            password: Secret::new(ADMIN.1),
        });
        if let Some(folder) = folder {
            shop.store = StoreAt::Folder(folder.to_owned());
        }
        settings.shop = Some(shop);
        change(settings);
    })
    .await
}

/// A request with a JSON body, and a token unless it is empty.
pub(crate) fn asking(method: Method, path: &str, token: &str, body: Value) -> Request<Full<Bytes>> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "shop")
        .header("content-type", "application/json");
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let body = match body {
        Value::Null => Full::default(),
        body => Full::from(body.to_string()),
    };
    request.body(body).expect("a valid request")
}

pub(crate) async fn ask(
    mock: &Running,
    method: Method,
    path: &str,
    token: &str,
    body: Value,
) -> Answer {
    let answer = send(mock.addr(), asking(method, path, token, body)).await;
    answer.expect("an answer")
}

pub(crate) fn registration() -> Request<Full<Bytes>> {
    let body = json!({"email": ADA.0, "password": ADA.1, "firstName": "Ada", "lastName": "L"});
    asking(Method::POST, "/api/users/register", "", body)
}

pub(crate) async fn register(mock: &Running) -> Answer {
    send(mock.addr(), registration()).await.expect("an answer")
}

pub(crate) async fn login(mock: &Running, (email, password): (&str, &str)) -> Answer {
    let body = json!({"email": email, "password": password});
    ask(mock, Method::POST, "/api/users/login", "", body).await
}

pub(crate) async fn token(mock: &Running, account: (&str, &str)) -> String {
    let answer = login(mock, account).await;
    let token = answer.json()["token"].as_str().map(str::to_owned);
    token.expect("a token")
}
