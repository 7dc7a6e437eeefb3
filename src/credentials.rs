//! Makes passwords' hashes and API tokens, and verifies what people and programs show.
//!
//! Owns the algorithms: argon2id for passwords, which people choose, and SHA-256 for tokens, which
//! are random. Must not know to whom a hash belongs, and must keep no password.

use std::fmt;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};

/// The least length of a password. Shorter ones fall to guesses from lists.
pub const PASSWORD_CHARACTERS_MIN: usize = 12;
/// The greatest length of a password. A sign-in form must hold it.
pub const PASSWORD_BYTES_MAX: usize = 1024;

/// The memory in KiB, the passes and the lanes of a new hash. They are the least that OWASP's
/// Password Storage Cheat Sheet asks of argon2id.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The costs that a configured hash may have. Less is too easy to guess. More would let a few
/// sign-ins take the machine.
const MEMORY_KIB_BOUNDS: std::ops::RangeInclusive<u32> = 8 * 1024..=256 * 1024;
const PASSES_BOUNDS: std::ops::RangeInclusive<u32> = 1..=10;
const LANES_BOUNDS: std::ops::RangeInclusive<u32> = 1..=4;

/// The version of Argon2 that RFC 9106 describes.
const VERSION: u32 = 0x13;
/// The salt of a new hash, as RFC 9106 recommends (section 3.1).
const SALT_BYTES: usize = 16;
/// The least result that is not found by chance.
const RESULT_BYTES_MIN: usize = 16;

/// What every API token begins with. Scanners find such a token where it does not belong.
pub const TOKEN_PREFIX: &str = "svd_";
const TOKEN_BYTES: usize = 32;
/// What the configuration writes before the hash of a token.
const TOKEN_HASH_PREFIX: &str = "sha256:";
pub const TOKEN_HASH_BYTES: usize = 32;

/// The argon2id hash of a password with costs within the bounds. `Debug` prints `***`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(phc::PasswordHash);

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomBytes;

/// The reason why a text is no hash that surveyd takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongHash {
    #[error("is no hash of a password")]
    NoHash,
    #[error("is not made by argon2id")]
    OtherAlgorithm,
    #[error("asks for {what} = {given}, and {least} to {most} are taken")]
    Cost { what: &'static str, given: u32, least: u32, most: u32 },
}

impl PasswordHash {
    /// Reads a PHC string, such as `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`.
    pub fn parse(text: &str) -> Result<Self, WrongHash> {
        let hash = phc::PasswordHash::new(text).map_err(|_| WrongHash::NoHash)?;
        if hash.algorithm.as_str() != Algorithm::Argon2id.as_str() {
            return Err(WrongHash::OtherAlgorithm);
        }
        let costs = Params::try_from(&hash).map_err(|_| WrongHash::NoHash)?;
        for (what, given, bounds) in [
            ("m", costs.m_cost(), MEMORY_KIB_BOUNDS),
            ("t", costs.t_cost(), PASSES_BOUNDS),
            ("p", costs.p_cost(), LANES_BOUNDS),
        ] {
            if !bounds.contains(&given) {
                let (least, most) = bounds.into_inner();
                return Err(WrongHash::Cost { what, given, least, most });
            }
        }
        let has_salt = hash.salt.as_ref().is_some_and(|salt| salt.len() >= argon2::MIN_SALT_LEN);
        let has_result = hash.hash.as_ref().is_some_and(|result| result.len() >= RESULT_BYTES_MIN);
        let names_costs = ["m", "t", "p"].iter().all(|name| hash.params.get(*name).is_some());
        let is_bare = costs.keyid().is_empty() && costs.data().is_empty();
        let is_whole = hash.version == Some(VERSION) && names_costs && is_bare;
        if has_salt && has_result && is_whole { Ok(Self(hash)) } else { Err(WrongHash::NoHash) }
    }

    /// Returns a hash that takes as long to verify as this one and that no password has. A sign-in
    /// by an unknown name is verified against it, so that its length tells nothing.
    pub fn of_nobody(&self) -> Self {
        let mut hash = self.0.clone();
        let length = hash.hash.as_ref().map_or(RESULT_BYTES_MIN, |result| result.len());
        // No input is known to hash to zeros alone.
        let zeros = vec![0; length];
        hash.hash = Some(phc::Output::new(&zeros).expect("the length was taken before"));
        Self(hash)
    }

    /// Returns the hash as a PHC string. It must not be logged: who has it can try passwords.
    pub fn expose(&self) -> String {
        self.0.to_string()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Checks a new password. The error says what is wrong.
pub fn check_password(password: &str) -> Result<(), String> {
    let characters = password.chars().count();
    if characters < PASSWORD_CHARACTERS_MIN {
        return Err(format!(
            "has {characters} characters, and {PASSWORD_CHARACTERS_MIN} are the least"
        ));
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(format!("has {} bytes, and {PASSWORD_BYTES_MAX} are the most", password.len()));
    }
    // No browser sends one from a field for passwords.
    if password.chars().any(char::is_control) {
        return Err("holds a control character".into());
    }
    Ok(())
}

/// Hashes a password with a new salt. Takes about 19 MiB and tens of milliseconds.
pub fn hash_password(password: &str) -> Result<PasswordHash, NoRandomBytes> {
    let mut salt = [0; SALT_BYTES];
    SystemRandom::new().fill(&mut salt).map_err(|_| NoRandomBytes)?;
    let costs = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the costs are in bounds");
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, costs);
    let hash = hasher.hash_password_with_salt(password.as_bytes(), &salt);
    Ok(PasswordHash(hash.expect("password and salt have lengths that argon2 takes")))
}

/// True if the password has that hash. Takes the memory and the time that the hash asks for, so an
/// async caller runs it on a thread for blocking work and bounds how many run at once.
pub fn verify_password(password: &str, hash: &PasswordHash) -> bool {
    password.len() <= PASSWORD_BYTES_MAX
        && Argon2::default().verify_password(password.as_bytes(), &hash.0).is_ok()
}

/// Makes an API token of 32 random bytes.
pub fn make_token() -> Result<String, NoRandomBytes> {
    let mut bytes = [0; TOKEN_BYTES];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomBytes)?;
    Ok(format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// Hashes a token with SHA-256. A token is random, so nobody can guess it from its hash.
pub fn hash_token(token: &str) -> [u8; TOKEN_HASH_BYTES] {
    let hash = digest(&SHA256, token.as_bytes());
    hash.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Reads the hash of a token: `sha256:` and 64 hexadecimal digits in lower case.
pub fn parse_token_hash(text: &str) -> Option<[u8; TOKEN_HASH_BYTES]> {
    let digits = text.strip_prefix(TOKEN_HASH_PREFIX)?.as_bytes();
    let is_digit = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() != 2 * TOKEN_HASH_BYTES || !digits.iter().all(is_digit) {
        return None;
    }
    let value = |digit: u8| if digit.is_ascii_digit() { digit - b'0' } else { digit - b'a' + 10 };
    Some(std::array::from_fn(|at| value(digits[2 * at]) << 4 | value(digits[2 * at + 1])))
}

/// Writes the hash of a token as [`parse_token_hash`] reads it.
pub fn format_token_hash(hash: &[u8; TOKEN_HASH_BYTES]) -> String {
    let digits = hash.iter().map(|byte| format!("{byte:02x}"));
    digits.fold(TOKEN_HASH_PREFIX.to_owned(), |text, digits| text + &digits)
}

#[cfg(test)]
mod tests;
