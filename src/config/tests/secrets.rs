use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

/// A folder for the configuration, with a folder of credentials in it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir(folder.path("credentials")).unwrap();
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8], mode: u32) {
        fs::write(self.path(name), content).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Reads a configuration whose access token is given so.
    fn read(&self, token: &str) -> Result<Config, Faults> {
        let credentials = self.path("credentials").display().to_string();
        let environment =
            Environment::of([("CREDENTIALS_DIRECTORY", credentials), ("TOKEN", "t".to_owned())]);
        parse(&with(LEAST, "\"key-3\"", token), &self.path("surveyd.toml"), &environment)
    }

    fn token(&self, token: &str) -> String {
        self.read(token).unwrap().accounts[0].access_token.expose().to_owned()
    }

    /// The one fault, from its key on.
    fn fault(&self, token: &str) -> String {
        let Faults(faults) = self.read(token).unwrap_err();
        let [fault] = faults.as_slice() else { panic!("{faults:?}") };
        assert_eq!(fault.key, "accounts.acme.access_token");
        assert_eq!(fault.value, None);
        format!("{}\n  {}", fault.problem, fault.remedy)
    }
}

#[test]
fn a_secret_is_read_from_a_credential_first_then_from_beside_the_configuration() {
    let folder = Folder::new();
    folder.write("token", b"beside", 0o600);
    assert_eq!(folder.token("{ file = \"token\" }"), "beside");
    folder.write("credentials/token", b"credential", 0o600);
    assert_eq!(folder.token("{ file = \"token\" }"), "credential");
    let absolute = format!("{{ file = \"{}\" }}", folder.path("token").display());
    assert_eq!(folder.token(&absolute), "beside");
    assert_eq!(folder.token("{ env = \"TOKEN\" }"), "t");
}

#[test]
fn one_newline_at_the_end_of_a_secret_file_is_no_part_of_the_secret() {
    let folder = Folder::new();
    for (content, secret) in [("a\n", "a"), ("a\r\n", "a"), ("a", "a"), ("a b\n", "a b")] {
        folder.write("token", content.as_bytes(), 0o600);
        assert_eq!(folder.token("{ file = \"token\" }"), secret);
    }
    folder.write("token", b"a\n\n", 0o600);
    assert_eq!(
        folder.fault("{ file = \"token\" }"),
        "begins or ends with white space\n  remove the white space"
    );
}

#[test]
fn a_secret_file_has_one_line() {
    let folder = Folder::new();
    folder.write("token", b"a\nb\n", 0o600);
    let shown = folder.path("token").display().to_string();
    assert_eq!(
        folder.fault("{ file = \"token\" }"),
        format!(
            "{shown} has more than one line, and no secret has\n  write the secret into it alone, on one line"
        )
    );
}

#[test]
fn a_secret_file_that_others_can_open_is_a_fault_except_among_the_credentials() {
    let folder = Folder::new();
    let shown = folder.path("token").display().to_string();
    for mode in [0o604, 0o602, 0o601, 0o644] {
        folder.write("token", b"a", mode);
        assert_eq!(
            folder.fault("{ file = \"token\" }"),
            format!("{shown} is open to every user of this machine\n  chmod o-rwx {shown}")
        );
    }
    for mode in [0o620, 0o660] {
        folder.write("token", b"a", mode);
        assert_eq!(
            folder.fault("{ file = \"token\" }"),
            format!("{shown} can be changed by its whole group\n  chmod g-w {shown}")
        );
    }
    folder.write("token", b"a", 0o640);
    assert_eq!(folder.token("{ file = \"token\" }"), "a");
    folder.write("credentials/open", b"b", 0o644);
    assert_eq!(folder.token("{ file = \"open\" }"), "b");
    let outside = "{ file = \"../open\" }";
    folder.write("open", b"c", 0o644);
    let fault = folder.fault(outside);
    assert!(fault.contains("is open to every user of this machine"), "{fault}");
}

#[test]
fn a_secret_that_cannot_be_had_is_a_fault_that_names_its_file_or_variable() {
    let folder = Folder::new();
    let shown = folder.path("token").display().to_string();
    let credentials = folder.path("credentials").display().to_string();
    assert_eq!(
        folder.fault("{ file = \"token\" }"),
        format!(
            "token is neither in $CREDENTIALS_DIRECTORY ({credentials}) nor in {} nor in credentials/ there
  put it into one of them, for surveyd alone to read",
            folder.path("").display().to_string().trim_end_matches('/')
        )
    );
    folder.write("token", b"\n", 0o600);
    assert_eq!(folder.fault("{ file = \"token\" }"), "is empty\n  write the secret");
    folder.write("token", &[0xff, 0xfe], 0o600);
    assert_eq!(
        folder.fault("{ file = \"token\" }"),
        format!("{shown} is not UTF-8 text\n  write the secret into it as text")
    );
    folder.write("token", &[b'a'; 65_537], 0o600);
    let not_a_file =
        "is not a file of at most 65536 bytes\n  name the file that holds the secret alone";
    assert_eq!(folder.fault("{ file = \"token\" }"), format!("{shown} {not_a_file}"));
    assert_eq!(folder.fault("{ file = \"credentials\" }"), format!("{credentials} {not_a_file}"));
    assert_eq!(
        folder.fault("{ env = \"NONE\" }"),
        "the variable \"NONE\" is not set to text\n  set it, or write { file = \"…\" }"
    );
}

#[test]
fn a_secret_is_found_where_the_service_manager_takes_its_credentials_from() {
    let folder = Folder::new();
    let read = || {
        let text = with(LEAST, "\"key-3\"", "{ file = \"token\" }");
        let config = parse(&text, &folder.path("surveyd.toml"), &Environment::default()).unwrap();
        config.accounts[0].access_token.expose().to_owned()
    };
    folder.write("credentials/token", b"of the service", 0o600);
    assert_eq!(read(), "of the service");
    folder.write("token", b"beside", 0o600);
    assert_eq!(read(), "beside");
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_secret_and_a_nul_is_none_of_its_characters() {
    let folder = Folder::new();
    folder.write("token", "\u{feff}a\n".as_bytes(), 0o600);
    assert_eq!(folder.token("{ file = \"token\" }"), "a");
    folder.write("token", b"a\0b", 0o600);
    let shown = folder.path("token").display().to_string();
    assert_eq!(
        folder.fault("{ file = \"token\" }"),
        format!(
            "{shown} holds a NUL, which no secret does\n  write the secret into it as text, and as nothing else"
        )
    );
}

#[test]
fn what_an_example_writes_is_no_secret() {
    let shown = faults(&with(LEAST, "\"key-3\"", "\"…\""));
    let expected =
        "surveyd.toml: accounts.acme.access_token: is what an example writes in its place
  write what X or the help desk shows there";
    assert_eq!(shown, expected);
}

#[test]
fn a_secret_of_another_form_is_told_the_forms_and_never_shown() {
    let folder = Folder::new();
    let forms = "write \"…\", { file = \"…\" } or { env = \"…\" }";
    let table = format!("is a table that surveyd cannot follow\n  {forms}");
    for token in ["{ fiel = \"hunter2\" }", "{ file = \"a\", env = \"b\" }", "{}", "{ file = 1 }"] {
        assert_eq!(folder.fault(token), table, "{token}");
    }
    assert_eq!(folder.fault("12345"), format!("is neither a string nor a table\n  {forms}"));
    assert_eq!(folder.fault("\"\""), "is empty\n  write the secret");
}

#[test]
fn a_secret_that_lies_nowhere_is_told_with_all_places() {
    let folder = Folder::new();
    let text = with(LEAST, "\"key-3\"", "{ file = \"token\" }");
    let file = folder.path("surveyd.toml");
    let Faults(faults) = parse(&text, &file, &Environment::default()).unwrap_err();
    assert_eq!(
        format!("{}\n  {}", faults[0].problem, faults[0].remedy),
        format!(
            "token is neither in $CREDENTIALS_DIRECTORY (not set) nor in {} nor in credentials/ there
  put it into one of them, for surveyd alone to read",
            file.parent().unwrap().display()
        )
    );
    folder.write("surveyd.toml", text.as_bytes(), 0o600);
    let config = load_without_secrets(&file, &Environment::default()).unwrap();
    assert_eq!(config.accounts[0].access_token.expose(), "");
    folder.write("surveyd.toml", LEAST.as_bytes(), 0o600);
    let config = load_without_secrets(&file, &Environment::default()).unwrap();
    assert_eq!(config.accounts[0].access_token.expose(), "", "none is read where none is needed");
}
