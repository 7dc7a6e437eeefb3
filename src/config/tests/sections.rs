use super::*;

fn fault_of(section: &str, line: &str) -> String {
    faults(&under(&format!("[{section}]\n{line}")))
}

#[test]
fn a_value_of_the_wrong_form_is_told_how_it_is_written() {
    for (section, line, fault) in [
        (
            "http",
            "listen = \"localhost:8471\"",
            "http.listen = \"localhost:8471\": is not an IP address and a port
  write it as 127.0.0.1:8471 or [::1]:8471",
        ),
        (
            "http",
            "listen = 8471",
            "http.listen = 8471: is a whole number, not a string
  write it as \"127.0.0.1:8471\" or \"[::1]:8471\"",
        ),
        (
            "http",
            "max_body = [1]",
            "http.max_body: is a list, not a string
  write a number of bytes, or as `256KiB` or `1MiB`; from 1KiB to 16MiB",
        ),
        (
            "log",
            "format = \"jsn\"",
            "log.format = \"jsn\": is not known here
  did you mean \"json\"? It is one of \"json\", \"text\", \"journald\"",
        ),
        (
            "log",
            "level = \"loud\"",
            "log.level = \"loud\": is not known here
  write one of \"error\", \"warn\", \"info\", \"debug\", \"trace\"",
        ),
        (
            "x",
            "can_dm = \"users\"",
            "x.can_dm = \"users\": is not known here
  did you mean \"users_v2\"? It is one of \"friendships_show\", \"users_v2\", \"auto\"",
        ),
        (
            "x",
            "concurrency = \"8\"",
            "x.concurrency = \"8\": is a string, not a whole number
  write digits only, without quotes",
        ),
        (
            "store",
            "url = \"mysql://root:hunter2@db/surveyd\"",
            "store.url: is neither SQLite nor PostgreSQL
  write sqlite:surveyd.db or postgres://user@host:5432/surveyd",
        ),
        (
            "store",
            "url = \"sqlite:\"",
            "store.url = \"sqlite:\": names no file
  write the file after the colon, as sqlite:surveyd.db",
        ),
        (
            "store",
            "url = \"postgres://db:port/surveyd\"",
            "store.url = \"postgres://db:port/surveyd\": cannot be read as a URL: invalid port number
  write it as postgres://user@host:5432/surveyd",
        ),
    ] {
        assert_eq!(fault_of(section, line), format!("surveyd.toml: {fault}"));
    }
}

#[test]
fn a_number_is_held_to_its_bounds_and_the_bounds_are_named() {
    for (section, key, wrong, bounds, sound_ones) in [
        ("http", "max_body", "1023", "1KiB to 16MiB", ["1024", "\"16MiB\""]),
        ("http", "max_body", "\"17MiB\"", "1KiB to 16MiB", ["\"1KiB\"", "16777216"]),
        ("http", "connections_per_peer", "1025", "0 to 1024", ["0", "1024"]),
        ("http", "connections_per_peer", "-1", "0 to 1024", ["1", "256"]),
        ("x", "request_timeout", "\"99ms\"", "100ms to 10m", ["\"100ms\"", "\"10m\""]),
        ("x", "send_timeout", "\"11m\"", "100ms to 10m", ["\"100ms\"", "\"10m\""]),
        ("x", "settle_after", "\"61m\"", "0s to 1h", ["\"0s\"", "\"1h\""]),
        ("x", "events_horizon", "\"8d\"", "0s to 7d", ["\"0s\"", "\"7d\""]),
        ("x", "concurrency", "0", "1 to 64", ["1", "64"]),
        ("x", "concurrency", "-4294967295", "1 to 64", ["1", "64"]),
        ("poll", "interval", "\"999ms\"", "1s to 1d", ["\"1s\"", "\"24h\""]),
        ("poll", "overlap", "\"8d\"", "0s to 7d", ["\"0s\"", "\"7d\""]),
        ("poll", "fresh_for", "\"91d\"", "0s to 90d", ["\"0s\"", "\"90d\""]),
        ("report", "min_group", "1001", "1 to 1000", ["1", "1000"]),
        ("report", "agent_min", "4", "5 to 1000", ["5", "1000"]),
        ("report", "agent_delay", "\"91d\"", "0s to 90d", ["\"0s\"", "\"90d\""]),
    ] {
        assert_eq!(
            fault_of(section, &format!("{key} = {wrong}")),
            format!(
                "surveyd.toml: {section}.{key} = {wrong}: is out of bounds\n  write a value from {bounds}"
            )
        );
        for right in sound_ones {
            sound(&under(&format!("[{section}]\n{key} = {right}")));
        }
    }
}

#[test]
fn the_base_url_is_safe_or_stays_on_this_machine() {
    let base = |url: &str| under(&format!("[x]\nbase_url = \"{url}\""));
    for (written, meant) in [
        ("https://api.x.com/", "https://api.x.com"),
        ("https://proxy.example/x//", "https://proxy.example/x"),
        ("http://127.0.0.1:9000/", "http://127.0.0.1:9000"),
        ("http://127.9.9.9", "http://127.9.9.9"),
        ("http://[::1]:9000", "http://[::1]:9000"),
        ("http://LOCALHOST:9000", "http://localhost:9000"),
    ] {
        assert_eq!(sound(&base(written)).x.base_url, meant);
    }
    for beyond in
        ["http://api.x.com", "http://128.0.0.1", "http://localhost.example", "http://[::2]"]
    {
        assert_eq!(
            faults(&base(beyond)),
            format!(
                "surveyd.toml: x.base_url = \"{beyond}\": is plain http beyond this machine
  write https://; plain http is taken on 127.0.0.0/8, ::1 and localhost only"
            )
        );
    }
    for (url, fault) in [
        (
            "ftp://api.x.com",
            " = \"ftp://api.x.com\": is not of the web\n  write it as https://host/path",
        ),
        ("https://", " = \"https://\": is not a URL: empty host\n  write it as https://host/path"),
        ("https://a b/", " = \"https://a b/\": holds white space\n  write it as https://host/path"),
        (
            "https://api.x.com/1.1/",
            " = \"https://api.x.com/1.1/\": holds a path, and X's API begins at its host
  write https://api.x.com",
        ),
        ("https://u:p@x.com", ": holds a user or a password\n  write it without them"),
        (
            "https://x.com/?a=1",
            " = \"https://x.com/?a=1\": holds a query or a fragment\n  end it after the host or the path",
        ),
    ] {
        assert_eq!(faults(&base(url)), format!("surveyd.toml: x.base_url{fault}"));
    }
}

#[test]
fn the_zone_of_the_business_is_an_iana_name() {
    let zone = |name: &str| under(&format!("[report]\ntime_zone = \"{name}\""));
    for (written, meant) in [
        ("Europe/Berlin", "Europe/Berlin"),
        ("america/new_york", "America/New_York"),
        ("UTC", "UTC"),
        ("Etc/UTC", "Etc/UTC"),
    ] {
        assert_eq!(sound(&zone(written)).report.time_zone.name(), meant);
    }
    let no_name = "write an IANA name, as America/New_York or Europe/Madrid";
    for (name, problem, remedy) in [
        ("Berlin", "is not an IANA name", "write \"Europe/Berlin\""),
        ("Eastern Time (US & Canada)", "is not an IANA name", "write \"America/New_York\""),
        ("Europe/Brlin", "is not a time zone", "did you mean \"Europe/Berlin\"?"),
        ("America/New York", "is not a time zone", "did you mean \"America/New_York\"?"),
        ("Europe", "is not a time zone", no_name),
        ("Europe/Springfield", "is not a time zone", no_name),
        ("Etc/Unknown", "is not a time zone", no_name),
        (
            "+01:00",
            "is an offset, and none is taken",
            "name a zone with its rules, as Europe/Madrid: an offset has no summer time",
        ),
        ("", "is not a time zone", no_name),
    ] {
        assert_eq!(
            faults(&zone(name)),
            format!("surveyd.toml: report.time_zone = \"{name}\": {problem}\n  {remedy}")
        );
    }
}

#[test]
fn the_store_is_sqlite_or_postgresql() {
    for url in [
        "sqlite:/var/lib/surveyd/surveyd.db",
        "postgres://surveyd@127.0.0.1:5433/surveyd",
        "postgresql:///surveyd?host=/run/postgresql",
    ] {
        assert_eq!(sound(&under(&format!("[store]\nurl = \"{url}\""))).store.url, url);
    }
}

#[test]
fn a_section_that_is_no_section_is_a_fault() {
    assert_eq!(
        faults(&under("http = \"127.0.0.1:80\"\nsources = { name = \"helpdesk\" }")),
        "\
surveyd.toml: http = \"127.0.0.1:80\": is a string, not a table
  write it as [http] and its keys below
surveyd.toml: sources: is a table, not a list of tables
  write each of them as [[sources]] and its keys below"
    );
    assert_eq!(
        faults(&under("sources = [1]")),
        "\
surveyd.toml: sources[0] = 1: is a whole number, not a table
  write each of them as [[sources]] and its keys below"
    );
    let text = format!("[accounts]\nname = \"acme\"\n{SOURCE}account = \"acme\"\n");
    assert_eq!(
        faults(&text),
        "\
surveyd.toml: accounts: is a table, not a list of tables
  write each of them as [[accounts]] and its keys below"
    );
}

#[test]
fn what_is_kept_may_grow_old_unless_the_file_says_otherwise() {
    let none = sound(LEAST).retention;
    assert_eq!((none.text, none.raw), (None, None));
    let given = sound(&under("[retention]\ntext = \"365d\"\nraw = \"90d\"")).retention;
    let days = |days: u64| Some(Duration::from_secs(days * 24 * 60 * 60));
    assert_eq!((given.text, given.raw), (days(365), days(90)));
}

#[test]
fn ids_stay_as_long_as_somebody_is_throttled_by_them() {
    let text = format!("{}throttle = \"60d\"\n", under("[retention]\ntext = \"50d\""));
    assert_eq!(
        faults(&text),
        "\
surveyd.toml: retention.text = \"50d\": is shorter than the longest throttle, 60d
  write a longer time, or a shorter throttle: who is erased is no longer known"
    );
}
