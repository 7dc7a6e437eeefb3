//! The files that pages load. The address of each holds a hash of its content.
//!
//! So a browser keeps a file for good, and a new version of surveyd brings new addresses.

use std::sync::LazyLock;

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use ring::digest::{SHA256, digest};

use super::access::hex;
use crate::pages::{ASSETS, Asset};

/// The characters of the hash in an address.
const HASH_CHARACTERS: usize = 12;

/// The last part of each asset's address, such as `results.0123456789ab.css`.
static ADDRESSES: LazyLock<Vec<(String, &Asset)>> = LazyLock::new(|| {
    let addressed = ASSETS.iter().map(|asset| {
        let hash = hex(digest(&SHA256, asset.content).as_ref());
        let (stem, ending) = asset.name.rsplit_once('.').expect("a file's name has an ending");
        (format!("{stem}.{}.{ending}", &hash[..HASH_CHARACTERS]), asset)
    });
    addressed.collect()
});

/// Returns the address of an asset for a page. Empty if there is no such asset.
pub fn address(name: &str) -> String {
    let found = ADDRESSES.iter().find(|(_, asset)| asset.name == name);
    found.map(|(address, _)| format!("/assets/{address}")).unwrap_or_default()
}

/// Returns the asset with this last part of an address.
pub fn at(address: &str) -> Option<Response> {
    let (_, asset) = ADDRESSES.iter().find(|(known, _)| known == address)?;
    let headers = [
        (header::CONTENT_TYPE, asset.kind),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Some((StatusCode::OK, headers, asset.content).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_is_found_by_its_address_alone() {
        let address = address("results.css");
        let last = address.strip_prefix("/assets/").unwrap();
        assert_eq!(last.len(), "results..css".len() + HASH_CHARACTERS);
        assert_eq!(at(last).unwrap().status(), StatusCode::OK);
        assert!(at("results.css").is_none() && at("").is_none());
        assert_eq!(super::address("other.css"), "");
    }
}
