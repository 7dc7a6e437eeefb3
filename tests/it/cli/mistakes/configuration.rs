//! What can be wrong with a configuration, and what `surveyd check` says of it.

use super::{Mistake, changed, variable, whole};

#[rustfmt::skip]
pub const MISTAKES: &[Mistake] = &[
    changed("a length without its unit", "delay = \"0s\"", "delay = 5", 78, "\
DIR/surveyd.toml: accounts.acme.survey.delay = 5: is a whole number, not a string
  write a whole number and one unit: `500ms`, `90s`, `15m`, `12h` or `7d`; from 0s to 7d
"),
    changed("a negative length", "delay = \"0s\"", "delay = \"-5m\"", 78, "\
DIR/surveyd.toml: accounts.acme.survey.delay = \"-5m\": is not a length of time
  write a whole number and one unit: `500ms`, `90s`, `15m`, `12h` or `7d`; from 0s to 7d
"),
    changed("a length in words", "delay = \"0s\"", "delay = \"5 min\"", 78, "\
DIR/surveyd.toml: accounts.acme.survey.delay = \"5 min\": is not a length of time
  write a whole number and one unit: `500ms`, `90s`, `15m`, `12h` or `7d`; from 0s to 7d
"),
    changed("a delay as long as the survey lives", "delay = \"0s\"", "delay = \"12h\"", 78, "\
DIR/surveyd.toml: accounts.acme.survey.expire_after = \"12h\": is not longer than delay = \"12h\"
  lengthen expire_after or shorten delay: no prompt would ever go out
"),
    changed("a key twice", "delay = \"0s\"", "delay = \"0s\"\ndelay = \"6m\"", 78, "\
DIR/surveyd.toml: line 20, column 1: duplicate key `delay`
  a key, and a table as [http], stands once: keep one of the two
"),
    changed("a misspelt key", "delay = \"0s\"", "dealy = \"5m\"", 78, "\
DIR/surveyd.toml: accounts.acme.survey.dealy: unknown key
  did you mean `delay`?
"),
    changed("a key of another table", "delay = \"0s\"", "daily_limit = 5", 78, "\
DIR/surveyd.toml: accounts.acme.survey.daily_limit: unknown key
  `daily_limit` belongs in [[accounts]]
"),
    changed("a share in per cent", "delay = \"0s\"", "sample = 50", 78, "\
DIR/surveyd.toml: accounts.acme.survey.sample = 50: is out of bounds
  write a value from 0.0 to 1.0
"),
    changed("a word where a number belongs", "delay = \"0s\"", "sample = \"half\"", 78, "\
DIR/surveyd.toml: accounts.acme.survey.sample = \"half\": is a string, not a number
  write a number, as 0.25, without quotes
"),
    changed("a boolean in quotes", "delay = \"0s\"", "test = \"yes\"", 78, "\
DIR/surveyd.toml: accounts.acme.survey.test = \"yes\": is a string, not a boolean
  write true or false, without quotes
"),
    changed("a type that X does not know", "delay = \"0s\"", "type = \"ces\"", 78, "\
DIR/surveyd.toml: accounts.acme.survey.type = \"ces\": is not known here
  write one of \"csat\", \"nps\"
"),
    changed("a question that X does not have", "delay = \"0s\"", "question_variant_id = 99", 78, "\
DIR/surveyd.toml: accounts.acme.survey.question_variant_id = 99: is out of bounds
  write a value from 0 to 37
"),
    changed("a number of more than 64 bits", "delay = \"0s\"", "question_variant_id = 99999999999999999999", 78, "\
DIR/surveyd.toml: accounts.acme.survey.question_variant_id = 9223372036854775807 or more: is out of bounds
  write a value from 0 to 37
"),
    changed("a number in quotes", "delay = \"0s\"", "question_variant_id = \"1\"", 78, "\
DIR/surveyd.toml: accounts.acme.survey.question_variant_id = \"1\": is a string, not a whole number
  write digits only, without quotes
"),
    changed("quiet hours as one text", "delay = \"0s\"", "quiet_hours = \"21:00-08:00\"", 78, "\
DIR/surveyd.toml: accounts.acme.survey.quiet_hours = \"21:00-08:00\": is a string, not a table
  write it as [accounts.survey.quiet_hours] and its keys below
"),
    changed("quiet hours in another form", "delay = \"0s\"", "quiet_hours = { from = \"9pm\", to = \"08:00\", time_zone = \"Berlin\" }", 78, "\
DIR/surveyd.toml: accounts.acme.survey.quiet_hours.from = \"9pm\": is not a time of the day
  write it as 21:00, from 00:00 to 23:59
DIR/surveyd.toml: accounts.acme.survey.quiet_hours.time_zone = \"Berlin\": is not an IANA name
  write \"Europe/Berlin\"
"),
    changed("quiet hours without a zone", "delay = \"0s\"", "quiet_hours = { from = \"21:00\", to = \"08:00\" }", 78, "\
DIR/surveyd.toml: accounts.acme.survey.quiet_hours.time_zone: is missing
  add `time_zone = \"America/New_York\"` to accounts.acme.survey.quiet_hours
"),
    changed("an abbreviation for a zone", "delay = \"0s\"", "quiet_hours = { from = \"21:00\", to = \"06:00\", time_zone = \"EST\" }", 0, "\
DIR/surveyd.toml: no fault (accounts: 1, sources: 1)
warning: accounts.acme.survey.quiet_hours.time_zone: \"EST\" is an abbreviation: it stands for no place, and may keep no summer time
  name a place where people live, as America/New_York or Europe/Madrid
"),
    changed("an offset for a zone", "delay = \"0s\"", "quiet_hours = { from = \"21:00\", to = \"06:00\", time_zone = \"Etc/GMT+5\" }", 0, "\
DIR/surveyd.toml: no fault (accounts: 1, sources: 1)
warning: accounts.acme.survey.quiet_hours.time_zone: \"Etc/GMT+5\" is a fixed offset: it keeps no summer time, and its + means behind UTC
  name a place where people live, as America/New_York or Europe/Madrid
"),
    changed("a variable that no message has", "first_name |", "firstname |", 78, "\
DIR/surveyd.toml: accounts.acme.survey.message = \"Was everything to your liking, {{ firstname | default('you') }}?\": there is no variable firstname; there are account, agent, attributes, closed_by, conversation_id, first_name, language, source, tags, team, user_id
  did you mean first_name? write a text that renders to 1 to 10000 characters, as Hello {{ first_name | default('') }}
"),
    changed("a variable that is not closed", " | default('you') }}?", "?", 78, "\
DIR/surveyd.toml: accounts.acme.survey.message = \"Was everything to your liking, {{ first_name?\": line 1: unexpected character
  write a variable as {{ first_name }}, and end each {% if first_name %} by {% endif %}
"),
    changed("a block that is not closed", "{{ first_name | default('you') }}", "{% if first_name %}", 78, "\
DIR/surveyd.toml: accounts.acme.survey.message = \"Was everything to your liking, {% if first_name %}?\": line 1: unexpected end of input, expected end of block
  write a variable as {{ first_name }}, and end each {% if first_name %} by {% endif %}
"),
    changed("no message", "message = \"Was everything to your liking, {{ first_name | default('you') }}?\"\n", "", 78, "\
DIR/surveyd.toml: accounts.acme.survey.message: is missing
  add `message = \"Thanks for talking to us. How did we do?\"` to accounts.acme.survey
"),
    changed("an id as a number", "\"1212121212121\"\nconsumer", "1212121212121\nconsumer", 78, "\
DIR/surveyd.toml: accounts.acme.user_id = 1212121212121: is a whole number, not a string
  put it in quotes
"),
    changed("a handle for an id", "\"1212121212121\"\nconsumer", "\"@acme\"\nconsumer", 78, "\
DIR/surveyd.toml: accounts.acme.user_id = \"@acme\": is not a user id
  write the handle's numeric id, 1 to 19 digits
"),
    changed("a token of another handle", "1212121212121-at", "77-secret-part", 0, "\
DIR/surveyd.toml: no fault (accounts: 1, sources: 1)
warning: accounts.acme.access_token: begins with 77, the id of the handle that it is of, and user_id is 1212121212121
  take the token of the handle that prompts are sent from, or correct user_id
"),
    changed("a key as the example has it", "\"ck-demo\"", "\"…\"", 78, "\
DIR/surveyd.toml: accounts.acme.consumer_key: is what an example writes in its place
  write what X or the help desk shows there
"),
    changed("a key with a space", "\"ck-demo\"", "\"ck-demo \"", 78, "\
DIR/surveyd.toml: accounts.acme.consumer_key: begins or ends with white space
  remove the white space
"),
    changed("a secret that is nowhere", "\"consumer-secret\"", "\"nope\"", 78, "\
DIR/surveyd.toml: accounts.acme.consumer_secret: nope is neither in $CREDENTIALS_DIRECTORY (not set) nor in DIR nor in credentials/ there
  put it into one of them, for surveyd alone to read
"),
    changed("a secret in an unset variable", "{ file = \"consumer-secret\" }", "{ env = \"NOPE\" }", 78, "\
DIR/surveyd.toml: accounts.acme.consumer_secret: the variable \"NOPE\" is not set to text
  set it, or write { file = \"…\" }
"),
    changed("a secret as another table", "{ file = \"consumer-secret\" }", "{ path = \"x\" }", 78, "\
DIR/surveyd.toml: accounts.acme.consumer_secret: is a table that surveyd cannot follow
  write \"…\", { file = \"…\" } or { env = \"…\" }
"),
    changed("a page without its scheme", "\"https://acme.example/privacy\"", "\"acme.example/privacy\"", 78, "\
DIR/surveyd.toml: accounts.acme.privacy_url = \"acme.example/privacy\": is not a URL: relative URL without a base
  write it as https://host/path
"),
    changed("a scheme with a typo", "\"https://acme.example/privacy\"", "\"htps://acme.example/privacy\"", 78, "\
DIR/surveyd.toml: accounts.acme.privacy_url = \"htps://acme.example/privacy\": is not of the web
  write it as https://host/path
"),
    changed("X in the clear", "http://127.0.0.1:1", "http://api.x.com", 78, "\
DIR/surveyd.toml: x.base_url = \"http://api.x.com\": is plain http beyond this machine
  write https://; plain http is taken on 127.0.0.0/8, ::1 and localhost only
"),
    changed("an address of X with a typo", "http://127.0.0.1:1", "https//api.x.com", 78, "\
DIR/surveyd.toml: x.base_url = \"https//api.x.com\": is not a URL: relative URL without a base
  write it as https://host/path
"),
    changed("a name for an address", "\"127.0.0.1:0\"", "\"localhost:8471\"", 78, "\
DIR/surveyd.toml: http.listen = \"localhost:8471\": is not an IP address and a port
  write it as 127.0.0.1:8471 or [::1]:8471
"),
    changed("a port alone", "\"127.0.0.1:0\"", "8471", 78, "\
DIR/surveyd.toml: http.listen = 8471: is a whole number, not a string
  write it as \"127.0.0.1:8471\" or \"[::1]:8471\"
"),
    changed("an address that is open to others", "\"127.0.0.1:0\"", "\"0.0.0.0:8471\"", 0, "\
DIR/surveyd.toml: no fault (accounts: 1, sources: 1)
warning: http.listen: is open to other machines, and plain HTTP: whoever is between can read along
  listen on 127.0.0.1 behind a proxy that speaks TLS, or close the port to all but that proxy
"),
    changed("a table with a typo", "[http]", "[htpp]", 78, "\
DIR/surveyd.toml: htpp: unknown key
  did you mean `http`?
"),
    changed("a kind with a typo", "kind = \"standard\"", "kind = \"zendsk\"", 78, "\
DIR/surveyd.toml: sources.desk.kind = \"zendsk\": is no kind that this version of surveyd knows
  did you mean \"zendesk\"? It knows \"standard\", \"chatwoot\", \"zendesk\", \"intercom\", \"freshchat\", \"freshdesk\", \"helpscout\", \"front\", \"zammad\", \"mapped\", \"spool\", \"dm_inactivity\"
"),
    changed("a kind as a number", "kind = \"standard\"", "kind = 3", 78, "\
DIR/surveyd.toml: sources.desk.kind = 3: is a whole number, not a string
  the kinds it knows: \"standard\", \"chatwoot\", \"zendesk\", \"intercom\", \"freshchat\", \"freshdesk\", \"helpscout\", \"front\", \"zammad\", \"mapped\", \"spool\", \"dm_inactivity\"
"),
    changed("a name with a space", "\"desk\"", "\"my desk\"", 78, "\
DIR/surveyd.toml: sources[0].name = \"my desk\": is not a name
  write 1 to 64 of A-Z, a-z, 0-9, `.`, `_` and `-`
"),
    changed("an account with a typo", "account = \"acme\"", "account = \"acne\"", 78, "\
DIR/surveyd.toml: sources.desk.account = \"acne\": is no account's name
  did you mean \"acme\"?
"),
    changed("a short signing secret", "{ file = \"desk-secret\" }", "\"whsec_c2hvcnQ=\"", 78, "\
DIR/surveyd.toml: sources.desk.secret: is 5 bytes long, and 16 are the least
  write whsec_ and the base64 of 16 random bytes or more, as `openssl rand -base64 32` makes them
"),
    changed("a signing secret that is no base64", "{ file = \"desk-secret\" }", "\"not base64!\"", 78, "\
DIR/surveyd.toml: sources.desk.secret: is not base64
  write whsec_ and the base64 of 16 random bytes or more, as `openssl rand -base64 32` makes them
"),
    changed("a single table for the accounts", "[[accounts]]", "[accounts]", 78, "\
DIR/surveyd.toml: accounts: is a table, not a list of tables
  write each of them as [[accounts]] and its keys below
"),
    changed("two sources of one name", "[[sources]]\n", "[[sources]]\nname = \"desk\"\nkind = \"standard\"\naccount = \"acme\"\nsecret = { file = \"desk-secret\" }\n[[sources]]\n", 78, "\
DIR/surveyd.toml: sources[1].name = \"desk\": is another source's name, too
  give each source a name of its own
"),
    changed("two accounts of one name", "[[sources]]", "[[accounts]]\nname = \"acme\"\nuser_id = \"2323\"\nconsumer_key = \"a\"\nconsumer_secret = \"b\"\naccess_token = \"c\"\naccess_token_secret = \"d\"\nprivacy_url = \"https://acme.example\"\nsurvey = { message = \"How?\" }\n[[sources]]", 78, "\
DIR/surveyd.toml: accounts[1].name = \"acme\": is another account's name, too
  give each account a name of its own
"),
    changed("a database of another make", "[http]", "[store]\nurl = \"mysql://db/surveyd\"\n[http]", 78, "\
DIR/surveyd.toml: store.url = \"mysql://db/surveyd\": is neither SQLite nor PostgreSQL
  write sqlite:surveyd.db or postgres://user@host:5432/surveyd
"),
    changed("a database without its scheme", "[http]", "[store]\nurl = \"surveyd.db\"\n[http]", 78, "\
DIR/surveyd.toml: store.url = \"surveyd.db\": is neither SQLite nor PostgreSQL
  write sqlite:surveyd.db or postgres://user@host:5432/surveyd
"),
    changed("words of another log", "[http]", "[log]\nformat = \"pretty\"\nlevel = \"warning\"\n[http]", 78, "\
DIR/surveyd.toml: log.format = \"pretty\": is not known here
  write one of \"json\", \"text\", \"journald\"
DIR/surveyd.toml: log.level = \"warning\": is not known here
  write one of \"error\", \"warn\", \"info\", \"debug\", \"trace\"
"),
    changed("a table twice", "[poll]", "[http]", 78, "\
DIR/surveyd.toml: line 7, column 2: duplicate key `[http]`
  a key, and a table as [http], stands once: keep one of the two
"),
    changed("a list where a text belongs", "\"https://acme.example/privacy\"", "[\"https://acme.example\"]", 78, "\
DIR/surveyd.toml: accounts.acme.privacy_url: is a list, not a string
  write one string in quotes
"),
    changed("an unquoted text", "\"acme\"\nuser", "acme\nuser", 78, "\
DIR/surveyd.toml: line 10, column 8: string values must be quoted, expected literal string
  put the value in straight quotes, as name = \"acme\"
"),
    changed("a bracket that is missing", "[accounts.survey]", "[accounts.survey", 78, "\
DIR/surveyd.toml: line 17, column 17: unclosed table, expected `]`
  close the brackets, as [accounts.survey] or [[sources]]
"),
    changed("a text that is not ended", "\"https://acme.example/privacy\"", "\"https://acme.example/privacy", 78, "\
DIR/surveyd.toml: line 16, column 44: invalid basic string, expected `\"`
  end the text with the quote that it begins with, on the same line, as name = \"acme\"
"),
    whole("an empty file", b"", 78, "\
DIR/surveyd.toml: accounts: there is no account
  add [[accounts]] with the keys of one handle
"),
    whole("a file without accounts", b"[store]\nurl = \x22sqlite:x.db\x22\n", 78, "\
DIR/surveyd.toml: accounts: there is no account
  add [[accounts]] with the keys of one handle
"),
    whole("a program for a configuration", b"\x7fELF\x00\xff\xfe", 78, "\
DIR/surveyd.toml: cannot be read: it is not UTF-8 text
  save it as UTF-8 text, or name another file by --config or SURVEYD_CONFIG
"),
    whole("a file in UTF-16", b"\xff\xfe[\x00h\x00t\x00t\x00p\x00]\x00\n\x00", 78, "\
DIR/surveyd.toml: cannot be read: it is not UTF-8 text
  save it as UTF-8 text, or name another file by --config or SURVEYD_CONFIG
"),
    whole("JSON", b"{\x22accounts\x22: []}", 78, "\
DIR/surveyd.toml: line 1, column 1: invalid key-value pair, expected key
  mend the TOML there: a line is key = value, [table] or [[list]], as in config/surveyd.toml
"),
    whole("YAML", b"accounts:\n  - name: acme\n", 78, "\
DIR/surveyd.toml: line 1, column 10: key with no value, expected `=`
  mend the TOML there: a line is key = value, [table] or [[list]], as in config/surveyd.toml
"),
    variable("a variable with a typo", "SURVEYD__HTTP__LISTN", "127.0.0.1:1", 78, "\
SURVEYD__HTTP__LISTN: no key answers to this variable
  did you mean SURVEYD__HTTP__LISTEN?
"),
    variable("a variable with a wrong value", "SURVEYD__HTTP__LISTEN", "here", 78, "\
SURVEYD__HTTP__LISTEN: http.listen = \"here\": is not an IP address and a port
  write it as 127.0.0.1:8471 or [::1]:8471
"),
    variable("a variable of an account that is not there", "SURVEYD__ACCOUNTS__ACNE__SURVEY__DELAY", "1m", 78, "\
SURVEYD__ACCOUNTS__ACNE__SURVEY__DELAY: no key answers to this variable
  did you mean SURVEYD__ACCOUNTS__ACME__SURVEY__DELAY?
"),
];
