//! Templates over their endpoints, and in notifications that name one.

use super::*;

const TEMPLATES: &str = "/api/templates";

fn greeting() -> Value {
    json!({"name": "greeting", "channel": "PUSH", "type": "WELCOME",
           "subject": "Hi {{name}}", "body": "{{name}}, you have {{ count }} points."})
}

async fn create(shop: &Shop, body: Value) -> Answer {
    shop.post(TEMPLATES, &shop.admin_token(), body).await
}

async fn get(shop: &Shop, path: &str) -> Answer {
    let path = format!("{TEMPLATES}{path}");
    shop.get(&path, &shop.user_token(7)).await
}

#[tokio::test]
async fn administrators_write_templates_and_everybody_reads_them() {
    at_noon(async |shop| {
        let refused = shop.post(TEMPLATES, &shop.user_token(7), greeting()).await;
        assert_eq!(refused.status, 403);
        let made = create(&shop, greeting()).await;
        assert_eq!(made.status, 201, "{:?}", made.body);
        assert_eq!(
            (&made.body["version"], &made.body["active"]),
            (&json!(1), &json!(true))
        );
        assert_eq!(create(&shop, greeting()).await.status, 409);
        let id = made.body["id"].as_i64().unwrap();
        assert_eq!(get(&shop, &format!("/{id}")).await.body, made.body);
        assert_eq!(
            get(&shop, "/name/greeting/channel/PUSH").await.body,
            made.body
        );
        for path in ["/999", "/name/greeting/channel/SMS"] {
            assert_eq!(get(&shop, path).await.status, 404, "{path}");
        }
        for path in ["/x", "/type/GOSSIP", "/channel/PIGEON", "?size=0"] {
            assert_eq!(get(&shop, path).await.status, 400, "{path}");
        }
        let path = format!("{TEMPLATES}/{id}");
        let user = shop.user_token(7);
        assert_eq!(shop.put(&path, &user, json!({})).await.status, 403);
        assert_eq!(shop.delete(&path, &user).await.status, 403);
        assert_eq!(shop.delete(&path, &shop.admin_token()).await.status, 204);
        assert_eq!(shop.delete(&path, &shop.admin_token()).await.status, 404);
        assert_eq!(
            shop.put(&path, &shop.admin_token(), json!({})).await.status,
            404
        );
    })
    .await;
}

#[tokio::test]
async fn every_change_is_a_version_and_an_outdated_one_is_refused() {
    at_noon(async |shop| {
        let id = create(&shop, greeting()).await.body["id"].clone();
        let path = format!("{TEMPLATES}/{id}");
        let put = async |body: Value| shop.put(&path, &shop.admin_token(), body).await;
        let changed = put(json!({"subject": "Hello {{name}}", "version": 1})).await;
        assert_eq!((changed.status, &changed.body["version"]), (200, &json!(2)));
        assert_eq!(changed.body["body"], greeting()["body"]);
        assert_eq!(
            put(json!({"subject": "Late", "version": 1})).await.status,
            409
        );
        assert_eq!(put(json!({"subject": "{{"})).await.status, 400);
        assert_eq!(put(json!({"body": ""})).await.status, 400);
        let (other, admin) = (shop.another().await, shop.admin_token());
        let (one, two) = tokio::join!(
            put(json!({"subject": "one", "version": 2})),
            other.put(&path, &admin, json!({"subject": "two", "version": 2})),
        );
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
    })
    .await;
}

#[tokio::test]
async fn the_shop_comes_with_templates_and_a_restart_keeps_what_was_changed() {
    at_noon(async |shop| {
        let count =
            async |shop: &Shop, path: &str| get(shop, path).await.body.as_array().unwrap().len();
        assert_eq!(count(&shop, "").await, 26);
        assert_eq!(count(&shop, "?page=1&size=20").await, 6);
        assert_eq!(count(&shop, "/channel/EMAIL").await, 13);
        assert_eq!(count(&shop, "/channel/SMS").await, 0);
        assert_eq!(count(&shop, "/type/PAYMENT_SUCCESS").await, 4);
        let welcome = get(&shop, "/name/welcome/channel/EMAIL").await.body;
        let path = format!("{TEMPLATES}/{}", welcome["id"]);
        let change = json!({"subject": "Servus {{firstName}}"});
        shop.put(&path, &shop.admin_token(), change).await;
        let other = shop.another().await;
        assert_eq!(count(&other, "").await, 26);
        let welcome = get(&other, "/name/welcome/channel/EMAIL").await.body;
        assert_eq!(welcome["subject"], "Servus {{firstName}}");
    })
    .await;
}

#[tokio::test]
async fn rendering_needs_every_variable() {
    at_noon(async |shop| {
        create(&shop, greeting()).await;
        let render = async |name: &str, variables: Value| {
            let path = format!("{TEMPLATES}/{name}/channel/PUSH/render");
            let body = json!({"variables": variables});
            shop.post(&path, &shop.user_token(7), body).await
        };
        let answer = render("greeting", json!({"name": "Ada", "count": 3})).await;
        let expected = json!({"name": "greeting", "channel": "PUSH", "version": 1,
                              "subject": "Hi Ada", "body": "Ada, you have 3 points."});
        assert_eq!((answer.status, answer.body), (200, expected));
        let answer = render("greeting", json!({})).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.body["message"], "unresolved variables: name");
        let answer = render("greeting", json!({"name": [], "count": 1})).await;
        assert_eq!(answer.status, 400);
        assert_eq!(render("nothing", json!({})).await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn a_draft_is_judged_by_the_rules_of_a_template() {
    at_noon(async |shop| {
        let judge = async |body: Value| {
            let path = format!("{TEMPLATES}/validate");
            let answer = shop.post(&path, &shop.user_token(7), body).await;
            assert_eq!(answer.status, 200, "{:?}", answer.body);
            answer.body
        };
        let good = judge(json!({"subject": "{{b}}", "body": "{{a}} {{b}}"})).await;
        assert_eq!(
            good,
            json!({"valid": true, "variables": ["a", "b"], "errors": []})
        );
        let body = json!({"body": "{{a}} {{b}}", "variables": {"a": 1}});
        let unresolved = judge(body).await;
        assert_eq!(unresolved["errors"], json!(["unresolved variables: b"]));
        for wrong in [
            json!({"body": "{{a"}),
            json!({"body": ""}),
            json!({"body": "{{a b}}"}),
        ] {
            let verdict = judge(wrong.clone()).await;
            assert_eq!(verdict["valid"], false, "{wrong}");
        }
        for wrong in ["a b", "", "ä", "a/b"] {
            let mut body = greeting();
            body["name"] = json!(wrong);
            assert_eq!(create(&shop, body).await.status, 400, "{wrong}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_notification_says_what_its_template_says_on_the_channels_that_have_one() {
    at_noon(async |shop| {
        create(&shop, greeting()).await;
        let fields = json!({"templateId": "greeting", "metadata": {"name": "Ada", "count": 3}});
        let id = made(&shop, 7, wish(&["PUSH", "IN_APP"], fields)).await;
        let all = deliveries(&shop, id).await;
        assert_eq!(
            (&all[0]["subject"], &all[0]["body"]),
            (&json!("Hi Ada"), &json!("Ada, you have 3 points."))
        );
        assert_eq!(all[1]["body"], "It works.");
        let token = shop.user_token(7);
        for (channels, metadata, expected) in [
            (
                &["PUSH"][..],
                json!({"name": "Ada"}),
                "unresolved variables: count",
            ),
            (
                &["SMS"],
                json!({}),
                "no template \"greeting\" is in use for any of the channels",
            ),
        ] {
            let fields = json!({"templateId": "greeting", "metadata": metadata});
            let answer = post(&shop, &token, wish(channels, fields)).await;
            assert_eq!(
                (answer.status, &answer.body["message"]),
                (400, &json!(expected))
            );
        }
    })
    .await;
}
