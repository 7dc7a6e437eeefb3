use super::*;

/// "password" by argon2's reference implementation (`src/test.c`).
const OF_REFERENCE: &str =
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

#[test]
fn a_password_has_its_own_hash_and_no_other() {
    let hash = hash_password("correct horse battery").unwrap();
    assert!(hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_eq!(PasswordHash::parse(&hash.expose()), Ok(hash.clone()));
    assert!(verify_password("correct horse battery", &hash));
    for other in ["", "correct horse batter", "Correct horse battery", "correct horse battery "] {
        assert!(!verify_password(other, &hash), "{other}");
    }
    let again = hash_password("correct horse battery").unwrap();
    assert_ne!(again.expose(), hash.expose(), "each hash has a salt of its own");
}

#[test]
fn a_hash_of_the_reference_implementation_is_verified() {
    let hash = PasswordHash::parse(OF_REFERENCE).unwrap();
    assert!(verify_password("password", &hash));
    assert!(!verify_password("passwore", &hash));
}

#[test]
fn nobody_has_the_hash_of_nobody_which_costs_the_same() {
    let nobody = PasswordHash::parse(OF_REFERENCE).unwrap().of_nobody();
    assert_eq!(
        nobody.expose(),
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    );
    assert!(!verify_password("password", &nobody));
}

#[test]
fn a_hash_that_is_weak_too_dear_or_of_another_kind_is_refused() {
    let cost = |what, given, least, most| WrongHash::Cost { what, given, least, most };
    for (from, to, fault) in [
        ("$argon2id$", "$argon2i$", WrongHash::OtherAlgorithm),
        ("$argon2id$", "$argon2d$", WrongHash::OtherAlgorithm),
        ("m=65536", "m=8191", cost("m", 8191, 8192, 262_144)),
        ("m=65536", "m=262145", cost("m", 262_145, 8192, 262_144)),
        ("t=2", "t=0", WrongHash::NoHash),
        ("t=2", "t=11", cost("t", 11, 1, 10)),
        ("p=1", "p=5", cost("p", 5, 1, 4)),
        (",p=1", "", WrongHash::NoHash),
        ("p=1", "p=1,keyid=Zm9v", WrongHash::NoHash),
        ("p=1", "p=1,data=Zm9v", WrongHash::NoHash),
        ("p=1", "p=1,x=1", WrongHash::NoHash),
        ("v=19$", "", WrongHash::NoHash),
        ("v=19", "v=16", WrongHash::NoHash),
        ("c29tZXNhbHQ", "c29tZQ", WrongHash::NoHash),
        ("JO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "JO1aFaMaO6M", WrongHash::NoHash),
        ("$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "", WrongHash::NoHash),
        ("$argon2id$", "argon2id$", WrongHash::NoHash),
    ] {
        assert_eq!(OF_REFERENCE.matches(from).count(), 1, "{from}");
        let text = OF_REFERENCE.replace(from, to);
        assert_eq!(PasswordHash::parse(&text), Err(fault), "{text}");
    }
    for text in ["", "hunter2", "$2b$12$GhvMmNVjRW29ulnudl.LbuAnUtN/LRfe1JsBm1Xu6LE3059z5Tr8m", "$"]
    {
        assert!(PasswordHash::parse(text).is_err(), "{text}");
    }
    for (from, to) in [("m=65536", "m=8192"), ("t=2", "t=10"), ("p=1", "p=4")] {
        assert!(PasswordHash::parse(&OF_REFERENCE.replace(from, to)).is_ok(), "{to}");
    }
}

#[test]
fn a_hash_is_not_shown_by_accident() {
    let hash = PasswordHash::parse(OF_REFERENCE).unwrap();
    assert_eq!(format!("{hash:?}"), "***");
}

#[test]
fn a_new_password_is_long_enough_and_can_be_typed() {
    for password in ["twelve chars", "ünïcödè pass", &"x".repeat(1024)] {
        assert_eq!(check_password(password), Ok(()), "{password}");
    }
    let fault = |password: &str| check_password(password).unwrap_err();
    assert_eq!(fault("eleven char"), "has 11 characters, and 12 are the least");
    assert_eq!(fault(&"x".repeat(1025)), "has 1025 bytes, and 1024 are the most");
    assert_eq!(fault("with a\ttab in it"), "holds a control character");
    assert!(!verify_password(&"x".repeat(1025), &hash_password(&"x".repeat(1025)).unwrap()));
}

#[test]
fn each_token_is_new_and_can_be_told_from_other_texts() {
    let (token, other) = (make_token().unwrap(), make_token().unwrap());
    assert_ne!(token, other);
    let random = token.strip_prefix("svd_").unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(random).unwrap().len(), 32);
}

#[test]
fn the_hash_of_a_token_is_written_and_read() {
    // FIPS 180-4's example of one block.
    let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let hash = hash_token("abc");
    assert_eq!(format_token_hash(&hash), text);
    assert_eq!(parse_token_hash(text), Some(hash));
    let digits = &text["sha256:".len()..];
    for wrong in [
        digits,
        &text[..text.len() - 1],
        &format!("{text}0"),
        &text.to_uppercase(),
        &format!("sha256:{}", digits.to_uppercase()),
        &format!("sha512:{digits}"),
        &format!("sha256:{}é", &digits[..62]),
        &format!("sha256: {}", &digits[..63]),
        &format!("sha256:+{}", &digits[..63]),
        "",
    ] {
        assert_eq!(parse_token_hash(wrong), None, "{wrong}");
    }
}
