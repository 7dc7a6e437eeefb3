//! Closes to post, signed beforehand: the client's share of the machine is to be small.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use surveyd::clock::Clock;

/// What the sources of all sides verify with.
pub const SECRET: &[u8] = b"a secret of the benchmark's alone";

/// More than any side takes; a cell that runs out of them ends early.
const PER_SECOND: f64 = 45_000.0;

/// Whole HTTP requests, one after the other in one allocation.
pub struct Notices {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Notices {
    /// Enough for a cell of that length. Each is of another conversation with another person.
    pub fn sign(seconds: f64) -> Self {
        let count = (seconds * PER_SECOND) as usize;
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET);
        let now = Clock::System.now();
        let (instant, seconds) = (now.rfc3339(), now.0 / 1_000);
        let mut bytes = Vec::with_capacity(count * 800);
        let mut ends = Vec::with_capacity(count);
        for n in 0..count {
            let body = body(n, &instant);
            let id = format!("msg_{n:016}");
            let signature = hmac::sign(&key, format!("{id}.{seconds}.{body}").as_bytes());
            let signature = STANDARD.encode(signature);
            let request = format!(
                "POST /v1/sources/helpdesk HTTP/1.1\r\nhost: localhost\r\n\
                 content-type: application/json\r\ncontent-length: {}\r\nwebhook-id: {id}\r\n\
                 webhook-timestamp: {seconds}\r\nwebhook-signature: v1,{signature}\r\n\r\n{body}",
                body.len(),
            );
            bytes.extend_from_slice(request.as_bytes());
            ends.push(bytes.len());
        }
        Self { bytes, ends }
    }

    pub fn get(&self, n: usize) -> Option<&[u8]> {
        let end = *self.ends.get(n)?;
        let start = if n == 0 { 0 } else { self.ends[n - 1] };
        Some(&self.bytes[start..end])
    }
}

/// A close with all that a help desk has to say, about 430 bytes.
pub fn body(n: usize, instant: &str) -> String {
    let user_id = 100_000_000_000_usize + n;
    format!(
        r#"{{"type":"conversation.closed","timestamp":"{instant}","data":{{"account":"acme","conversation_id":"conversation-{n:012}","user_id":"{user_id}","closed_at":"{instant}","agent":"dana.whitfield","team":"billing-and-payments","tags":["vip","refund","second-contact"],"language":"es","first_name":"Ana","closed_by":"agent","agent_messages":4,"attributes":{{"order":"77-{n:08}","channel":"direct message"}}}}}}"#
    )
}
