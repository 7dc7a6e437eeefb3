//! Holds a call that is authenticated but not carried out yet.

use super::api_call::ApiCall;
use super::form::Parameters;

/// A call that passed authentication.
pub(super) struct Accepted {
    pub call: ApiCall,
    pub account: usize,
    pub method: String,
    pub path: String,
    pub parameters: Parameters,
}
