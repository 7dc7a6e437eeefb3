//! Describes one HTTP request to the [`World`](super::World) and its reply, without the network.

use serde_json::Value;

use super::form;

/// One HTTP request with only the parts that X looks at.
#[derive(Clone, Debug, Default)]
pub struct HttpRequest {
    pub method: String,
    /// `https` if a proxy ends TLS and says so in a header. Otherwise `http`.
    pub scheme: String,
    /// The `Host` header with its port if it has one. The signature covers it.
    pub host: String,
    pub path: String,
    pub query: String,
    pub content_type: Option<String>,
    pub authorization: Option<String>,
    pub body: Vec<u8>,
}

impl HttpRequest {
    /// Returns the decoded parameters of the query and the form. A body of another type has no
    /// parameters, and the signature does not cover it.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = form::pairs(self.query.as_bytes());
        if self.is_form() {
            pairs.extend(form::pairs(&self.body));
        }
        pairs
    }

    fn is_form(&self) -> bool {
        // A charset or another parameter after the type makes no difference.
        let essence = self.content_type.as_deref().and_then(|value| value.split(';').next());
        essence.is_some_and(|value| {
            value.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
        })
    }
}

/// One HTTP answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    pub status: u16,
    pub content_type: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl HttpReply {
    pub fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            content_type: "application/json; charset=utf-8".to_owned(),
            headers: Vec::new(),
            body: body.to_string(),
        }
    }

    /// Returns a header's value. `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_a_form_with_and_without_a_charset() {
        let mut request = HttpRequest {
            query: "a=1".to_owned(),
            body: b"b=2".to_vec(),
            ..HttpRequest::default()
        };
        for (content_type, count) in [
            (Some("application/x-www-form-urlencoded"), 2),
            (Some("Application/X-WWW-Form-URLencoded ; charset=UTF-8"), 2),
            (Some("application/json"), 1),
            (None, 1),
        ] {
            request.content_type = content_type.map(str::to_owned);
            assert_eq!(request.pairs().len(), count, "{content_type:?}");
        }
    }
}
