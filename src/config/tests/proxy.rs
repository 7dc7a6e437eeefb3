use super::access::{HASH, LOGIN, login, warned};
use super::*;

fn proxy(lines: &str) -> String {
    under(&format!("[http.proxy]\n{lines}"))
}

#[test]
fn a_proxy_is_believed_from_its_own_addresses_only() {
    let text = proxy(
        "header = \"X-Forwarded-User\"\nfrom = [\"127.0.0.1\", \"10.0.0.0/8\", \"fd00::/8\"]",
    );
    let proxy = sound(&text).http.proxy.unwrap();
    assert_eq!(proxy.header, "X-Forwarded-User");
    for (address, is_trusted) in [
        ("127.0.0.1", true),
        ("::ffff:127.0.0.1", true),
        ("10.255.0.1", true),
        ("::ffff:10.1.2.3", true),
        ("fd12::1", true),
        ("127.0.0.2", false),
        ("11.0.0.1", false),
        ("::1", false),
        ("::127.0.0.1", false),
        ("fc00::1", false),
    ] {
        assert_eq!(proxy.trusts(address.parse().unwrap()), is_trusted, "{address}");
    }
    let inline = "[http]\nproxy = { header = \"Remote-User\", from = \"::1\" }";
    assert!(sound(&under(inline)).http.proxy.unwrap().trusts("::1".parse().unwrap()));
}

#[test]
fn what_is_wrong_with_a_proxy_is_told_with_its_remedy() {
    let from = |from: &str| proxy(&format!("header = \"X-Forwarded-User\"\nfrom = {from}"));
    let form = "write the proxy's address as 127.0.0.1 or ::1, or its network as 10.0.0.0/8";
    for (text, fault) in [
        (
            proxy(""),
            "http.proxy.header: is missing
  add `header = \"X-Forwarded-User\"` to http.proxy
surveyd.toml: http.proxy.from: is missing
  add `from = [\"127.0.0.1\"]` to http.proxy".to_owned(),
        ),
        (
            proxy("header = \"X User\"\nfrom = \"::1\""),
            "http.proxy.header = \"X User\": is not the name of a header
  write the header in which the proxy names who signed in, as X-Forwarded-User".into(),
        ),
        (
            from("[]"),
            "http.proxy.from: names nothing\n  write a value, or several as [\"a\", \"b\"]".into(),
        ),
        (
            from("[\"::1\", \"localhost\"]"),
            format!("http.proxy.from: holds \"localhost\", which is neither an address nor a network\n  {form}"),
        ),
        (
            from("\"10.0.0.0/33\""),
            format!("http.proxy.from = \"10.0.0.0/33\": holds \"10.0.0.0/33\", which is neither an address nor a network\n  {form}"),
        ),
        (
            from("[\"10.0.0.7/8\"]"),
            "http.proxy.from: holds \"10.0.0.7/8\", which is an address within 10.0.0.0/8
  write 10.0.0.0/8, or 10.0.0.7 alone".into(),
        ),
        (
            from("[\"::ffff:10.0.0.7\"]"),
            "http.proxy.from: holds \"::ffff:10.0.0.7\", which is IPv4 in the form of IPv6
  write it as IPv4, as 10.0.0.7".into(),
        ),
        (
            under("[http]\nproxy = \"127.0.0.1\""),
            "http.proxy = \"127.0.0.1\": is a string, not a table\n  write it as [http.proxy] and its keys below".into(),
        ),
        (
            proxy("headers = \"X-User\"\nheader = \"X-User\"\nfrom = \"::1\""),
            "http.proxy.headers: unknown key\n  did you mean `header`?".into(),
        ),
    ] {
        assert_eq!(faults(&text), format!("surveyd.toml: {fault}"));
    }
}

#[test]
fn whom_a_proxy_signs_in_needs_no_password() {
    let text = with(&login(""), &format!("password_hash = \"{HASH}\"\n"), "");
    let missing = "surveyd.toml: logins.mara.password_hash: is missing\n  make it with `surveyd password`, or let \
         a proxy sign mara in by http.proxy (docs/sign_in.md)";
    assert_eq!(faults(&text), missing);
    let trusted = "[http]\nproxy = { header = \"X-User\", from = \"::1\" }\n";
    assert_eq!(sound(&format!("{trusted}{text}")).logins[0].password_hash, None);
    // A faulty proxy is one fault, and a fault beside it hides nothing.
    let faulty = "[http]\nproxy = { header = \"X-User\", from = \"x\" }\n";
    assert!(!faults(&format!("{faulty}{text}")).contains("password_hash"));
    let beside = "[http]\nmax_body = 0\n";
    assert!(faults(&format!("{beside}{text}")).ends_with(&missing["surveyd.toml: ".len()..]));
}

#[test]
fn a_proxy_that_is_trusted_too_widely_or_for_nothing_is_warned_of() {
    let of = |from: &str, more: &str| {
        let proxy = format!("[http]\nproxy = {{ header = \"X-User\", from = \"{from}\" }}\n");
        warned(&format!("{proxy}{LEAST}{more}"))
    };
    assert_eq!(of("127.0.0.1", LOGIN), Vec::<String>::new());
    for all in ["0.0.0.0/0", "::/0"] {
        let text = format!("\
http.proxy.from: trusts {all}, which is every address: whoever reaches surveyd can write X-User and is signed in as anybody
  name the proxy's own addresses");
        assert_eq!(of(all, LOGIN), [text]);
    }
    let nobody = "\
http.proxy: lets nobody in: X-User has to name a login, and there is none
  add [[logins]] with the names that the proxy writes";
    assert_eq!(of("127.0.0.1", ""), [nobody]);
}
