//! E-mail by SMTP, in plain text, without TLS: the server is the shop's own.

use std::time::{Duration, UNIX_EPOCH};

use http::Uri;
use lettre::address::AddressError;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor};

use super::{Message, Outcome, Sender, Sending};

/// Answers go nowhere.
const FROM_USER: &str = "no-reply";
const FROM_DOMAIN: &str = "shop.example";
const SMTP_PORT: u16 = 25;
/// One command.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// A mail server.
#[derive(Debug)]
pub(super) struct Email {
    /// None where the address in the settings is none.
    transport: Option<AsyncSmtpTransport<Tokio1Executor>>,
}

impl Email {
    /// Sends by the server at `smtp://host[:port]`.
    pub(super) fn new(url: &str) -> Email {
        let uri: Option<Uri> = url.parse().ok();
        let uri = uri.filter(|uri| uri.scheme_str() == Some("smtp"));
        let transport = uri.as_ref().and_then(|uri| {
            let host = uri.host()?.trim_matches(['[', ']']);
            let port = uri.port_u16().unwrap_or(SMTP_PORT);
            let builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host);
            Some(builder.port(port).timeout(Some(LONGEST_WAIT)).build())
        });
        Email { transport }
    }

    async fn try_once(&self, message: &Message) -> Outcome {
        let Some(transport) = &self.transport else {
            return Outcome::Rejected("the mail server's address is not valid".into());
        };
        let mail = match compose(message) {
            Ok(mail) => mail,
            Err(why) => return Outcome::Bounced(why),
        };
        match transport.send(mail).await {
            Ok(_) => Outcome::Sent,
            Err(error) => judge(&error),
        }
    }
}

impl Sender for Email {
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(self.try_once(message))
    }
}

fn compose(message: &Message) -> Result<lettre::Message, String> {
    let address_error = |cause: AddressError| cause.to_string();
    let from = Address::new(FROM_USER, FROM_DOMAIN).map_err(address_error)?;
    let to: Address = message.recipient.parse().map_err(address_error)?;
    let created_ms = u64::try_from(message.created_ms).unwrap_or(0);
    let id = format!("<delivery-{}@{FROM_DOMAIN}>", message.delivery_id);
    lettre::Message::builder()
        .from(Mailbox::new(Some("Shop".into()), from))
        .to(Mailbox::new(None, to))
        .date(UNIX_EPOCH + Duration::from_millis(created_ms))
        .message_id(Some(id))
        .subject(one_line(&message.subject))
        .header(ContentType::TEXT_PLAIN)
        .body(message.body.clone())
        .map_err(|cause| cause.to_string())
}

/// A line break would begin another header.
fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// A refusal in the 500s is for good; in the 400s, like every broken connection, for now.
fn judge(error: &smtp::Error) -> Outcome {
    let why = match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    };
    if error.is_permanent() {
        Outcome::Bounced(why)
    } else {
        Outcome::Later(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_in_the_settings_is_read() {
        for url in ["smtp://localhost:2525", "smtp://[::1]", "smtp://mail/"] {
            assert!(Email::new(url).transport.is_some(), "{url}");
        }
        for url in ["", "localhost:25", "http://localhost"] {
            assert!(Email::new(url).transport.is_none(), "{url}");
        }
    }

    #[test]
    fn a_subject_cannot_begin_another_header() {
        assert_eq!(one_line("a\r\nBcc: b"), "a  Bcc: b");
    }
}
