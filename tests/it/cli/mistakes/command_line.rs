//! What can be typed wrongly, and what surveyd says of it.

use super::{Mistake, typed, with_file};

#[rustfmt::skip]
pub const MISTAKES: &[Mistake] = &[
    typed("a command that there is not", "fly", 2, "\
error: unrecognized subcommand 'fly'

Usage: surveyd [OPTIONS] <COMMAND>

For more information, try '--help'.
"),
    typed("a misspelt command", "reprot", 2, "\
error: unrecognized subcommand 'reprot'

  tip: some similar subcommands exist: 'restore', 'export', 'report'

Usage: surveyd [OPTIONS] <COMMAND>

For more information, try '--help'.
"),
    typed("a misspelt subcommand", "surveys shwo", 2, "\
error: unrecognized subcommand 'shwo'

  tip: a similar subcommand exists: 'show'

Usage: surveyd surveys [OPTIONS] <COMMAND>

For more information, try '--help'.
"),
    typed("a misspelt option", "check --onlin", 2, "\
error: unexpected argument '--onlin' found

  tip: a similar argument exists: '--online'

Usage: surveyd check --online

For more information, try '--help'.
"),
    typed("an option of a close with a typo", "enqueue --account acme --conversation c-1 --user-id 7 --tags vip", 2, "\
error: unexpected argument '--tags' found

  tip: a similar argument exists: '--tag'

Usage: surveyd enqueue --account <NAME> --conversation <ID> --user-id <N> --tag <TAG>

For more information, try '--help'.
"),
    typed("a configuration for a command that reads none", "--config surveyd.toml demo", 2, "\
error: `surveyd demo` reads no configuration: leave --config out

Usage: surveyd [OPTIONS] <COMMAND>

For more information, try '--help'.
"),
    typed("a password on the command line", "password hunter2", 2, "\
error: unexpected argument 'hunter2' found

Usage: surveyd password

For more information, try '--help'.
"),
    typed("no password on standard input", "password", 1, "\
surveyd: standard input holds no password: write it there as one line, or run this on a terminal
"),
    typed("a token without a role", "token warehouse", 2, "\
error: the following required arguments were not provided:
  --role <ROLE>

Usage: surveyd token --role <ROLE> <NAME>

For more information, try '--help'.
"),
    typed("a role that there is not", "token warehouse --role superviser", 2, "\
surveyd: --role \"superviser\": \"superviser\" is not known here: did you mean \"supervisor\"? It is one of \"supervisor\", \"admin\", \"auditor\", \"agent\"
"),
    typed("an agent's token without the agent", "token desk --role agent", 2, "\
surveyd: --role agent needs --agent, who it is in notices
"),
    typed("an agent for another role", "token desk --role admin --agent dana", 2, "\
surveyd: --agent needs --role agent
"),
    typed("a token's end in another form", "token warehouse --role admin --expires 30d", 2, "\
surveyd: --expires \"30d\": is not a date: write it as 2027-06-30, or leave it out
"),
    typed("a token that is no longer good", "token warehouse --role admin --expires 2026-01-31", 2, "\
surveyd: --expires 2026-01-31: has passed
"),
    typed("an account that cannot be one", "token warehouse --role admin --accounts acme @acme", 2, "\
surveyd: --accounts: holds \"@acme\", which is not a name: write 1 to 64 of A-Z, a-z, 0-9, `.`, `_` and `-`
"),
    typed("a token of no name", "token  --role admin", 2, "\
surveyd: NAME \"\": is empty: write 1 to 64 characters
"),
    typed("a close without all it needs", "enqueue --account acme", 2, "\
error: the following required arguments were not provided:
  --conversation <ID>
  --user-id <N>

Usage: surveyd enqueue --account <NAME> --conversation <ID> --user-id <N>

For more information, try '--help'.
"),
    typed("a close with an unknown account", "enqueue --account acne --conversation c-1 --user-id 7", 2, "\
surveyd: --account acne: there is no such account in DIR/surveyd.toml, which has acme: did you mean acme?
"),
    typed("a close with a handle", "enqueue --account acme --conversation c-1 --user-id @ana", 2, "\
surveyd: --user-id @ana: must be 1 to 19 decimal digits, the numeric id of a person at X
"),
    typed("a person with zeros before it", "enqueue --account acme --conversation c-1 --user-id 007", 2, "\
surveyd: --user-id 007: must be written without zeros before it, as X writes it
"),
    typed("a close without a conversation", "enqueue --account acme --conversation  --user-id 7", 2, "surveyd: --conversation \"\": must be 1 to 512 characters\n"),
    typed("a close at a date", "enqueue --account acme --conversation c-1 --user-id 7 --closed-at 2026-11-22", 2, "\
surveyd: --closed-at 2026-11-22: \"2026-11-22\" is no RFC 3339 instant such as 2026-11-22T08:00:00Z
"),
    typed("a close by nobody", "enqueue --account acme --conversation c-1 --user-id 7 --closed-by alien", 2, "\
surveyd: --closed-by alien: must be agent, customer, bot, auto or bulk
"),
    typed("a zone that is none", "enqueue --account acme --conversation c-1 --user-id 7 --time-zone Berlin", 2, "\
surveyd: --time-zone Berlin: is no time zone; write one such as Europe/Madrid
"),
    typed("an attribute without a value", "enqueue --account acme --conversation c-1 --user-id 7 --attribute vip", 2, "surveyd: --attribute vip: must be written NAME=VALUE\n"),
    typed("a number of messages below zero", "enqueue --account acme --conversation c-1 --user-id 7 --agent-messages -1", 2, "\
error: invalid value '-1' for '--agent-messages <N>': write a whole number from 0 to 4294967295

For more information, try '--help'.
"),
    typed("a report of an unknown account", "report --from 2026-11-01 --to 2026-11-30 --account nope", 2, "\
surveyd: --account nope: there is no such account in DIR/surveyd.toml, which has acme
"),
    typed("a report of a misspelt account", "report --from 2026-11-01 --to 2026-11-30 --account acne", 2, "\
surveyd: --account acne: there is no such account in DIR/surveyd.toml, which has acme: did you mean acme?
"),
    typed("a report by something else", "report --from 2026-11-01 --to 2026-11-30 --by teams", 2, "\
surveyd: --by teams: must be agent, team, tag, language, source, account, week, question, rule or variant: did you mean team?
"),
    typed("a report from after its end", "report --from 2026-11-30 --to 2026-11-01", 2, "\
surveyd: --from \"2026-11-30\" is later than --to \"2026-11-01\": nothing lies between them
"),
    typed("a date that there is not", "report --from 2026-02-30 --to 2026-11-01", 2, "\
surveyd: --from \"2026-02-30\" is neither a date such as 2026-11-22 (a whole day, UTC) nor an RFC 3339 instant such as 2026-11-22T08:00:00Z
"),
    typed("a day in words", "report --from yesterday --to 2026-11-01", 2, "\
surveyd: --from \"yesterday\" is neither a date such as 2026-11-22 (a whole day, UTC) nor an RFC 3339 instant such as 2026-11-22T08:00:00Z
"),
    typed("a report in another format", "report --from 2026-11-01 --to 2026-11-30 --format xml", 2, "\
error: invalid value 'xml' for '--format <F>'
  [possible values: text, json, csv, xlsx, html]

  tip: a similar value exists: 'html'

For more information, try '--help'.
"),
    typed("an export of an unknown account", "export --format csv --account nope", 2, "\
surveyd: --account nope: there is no such account in DIR/surveyd.toml, which has acme
"),
    typed("an export from after its end", "export --format csv --from 2026-11-30 --to 2026-11-01", 2, "\
surveyd: --from \"2026-11-30\" is later than --to \"2026-11-01\": nothing lies between them
"),
    typed("an export into no folder", "export --format csv -o nowhere/x.csv", 1, "\
surveyd: -o nowhere/x.csv cannot be written: No such file or directory (os error 2): make its folder first
"),
    typed("an export into a folder", "export --format csv -o .", 1, "\
surveyd: -o . cannot be written: is a directory: name a file in it
"),
    typed("a list of an unknown account", "surveys list --account nope", 2, "\
surveyd: --account nope: there is no such account in DIR/surveyd.toml, which has acme
"),
    typed("a state that there is not", "surveys list --state lost", 2, "\
surveyd: --state lost: must be one of scheduled, sending, uncertain, sent, answered, suppressed, cancelled, expired, failed
"),
    typed("a reason in the place of a state", "surveys list --state throttled", 2, "\
surveyd: --state throttled: must be one of scheduled, sending, uncertain, sent, answered, suppressed, cancelled, expired, failed. This is a reason: --reason throttled
"),
    typed("a list of none", "surveys list --limit 0", 2, "\
error: invalid value '0' for '--limit <N>': write a whole number from 1 to 4294967295

For more information, try '--help'.
"),
    typed("a list of many", "surveys list --limit many", 2, "\
error: invalid value 'many' for '--limit <N>': write a whole number from 1 to 4294967295

For more information, try '--help'.
"),
    typed("a survey without an id", "surveys show", 2, "\
error: the following required arguments were not provided:
  <ID>

Usage: surveyd surveys show <ID>

For more information, try '--help'.
"),
    typed("an explanation of an unknown account", "explain c-1 --account nope", 2, "\
surveyd: --account nope: there is no such account in DIR/surveyd.toml, which has acme
"),
    typed("a length without its unit", "simulate --since 30", 2, "surveyd: --since 30: must be a length such as 30d or 12h\n"),
    typed("a negative length", "simulate --since -3d", 2, "surveyd: --since -3d: must be a length such as 30d or 12h\n"),
    typed("a rebuild from some time", "rebuild --from soon", 2, "\
surveyd: --from \"soon\" is neither a date such as 2026-11-22 (a whole day, UTC) nor an RFC 3339 instant such as 2026-11-22T08:00:00Z
"),
    typed("a rebuild of an unknown account", "rebuild --from 2026-11-01 --account nope", 2, "\
surveyd: --account nope: there is no such account in DIR/surveyd.toml, which has acme
"),
    typed("a word that rebuild does not know", "rebuild --from 2026-11-01 --surveys maybe", 2, "\
error: invalid value 'maybe' for '--surveys <WHEN>'
  [possible values: where-lost, always, never]

For more information, try '--help'.
"),
    typed("an opt-out by handle", "optout add @ana", 2, "\
surveyd: USER @ana: must be 1 to 19 decimal digits, the numeric id of a person at X
"),
    typed("an opt-out from an unknown account", "optout add 7 --account nope", 2, "\
surveyd: --account nope: there is no such account in DIR/surveyd.toml, which has acme
"),
    typed("an opt-in of nobody", "optout remove 8", 1, "surveyd: had not opted out: 8 (`surveyd optout list` shows who has)\n"),
    typed("an opt-in at an unknown account", "optout remove 7 --account nope", 2, "\
surveyd: --account nope: there is no such account in DIR/surveyd.toml, which has acme
"),
    typed("an import of no file", "optout import nowhere.csv", 1, "\
surveyd: nowhere.csv cannot be read: No such file or directory (os error 2)
"),
    with_file("a file with semicolons", "people.csv", b"user_id;why\n7;STOP\n", "optout import people.csv", 1, "\
surveyd: people.csv: nothing is imported
  line 1: there is no column user_id, found: user_id;why: is it separated by semicolons? Save it separated by commas
Mend these lines, and import the whole file again.
"),
    with_file("a file with tabs", "people.csv", b"user_id\x09why\n7\x09STOP\n", "optout import people.csv", 1, "\
surveyd: people.csv: nothing is imported
  line 1: there is no column user_id, found: user_id�why: is it separated by tabs? Save it separated by commas
Mend these lines, and import the whole file again.
"),
    with_file("a file without the column", "people.csv", b"id,why\n7,STOP\n", "optout import people.csv", 1, "\
surveyd: people.csv: nothing is imported
  line 1: there is no column user_id, found: id,why: the first line names the columns, as user_id,account,why
Mend these lines, and import the whole file again.
"),
    with_file("an empty file", "people.csv", b"", "optout import people.csv", 1, "\
surveyd: people.csv: nothing is imported
  line 1: is empty: the first line names the columns, as user_id,account,why
Mend these lines, and import the whole file again.
"),
    with_file("a file in another encoding", "people.csv", b"user_id\n\xe9\n", "optout import people.csv", 1, "\
surveyd: people.csv: nothing is imported
  line 1: is not UTF-8 text: save the file as CSV UTF-8
Mend these lines, and import the whole file again.
"),
    with_file("a file with a handle and an unknown account", "people.csv", b"user_id,account\n@ana,\n7,nope\n", "optout import people.csv", 1, "\
surveyd: people.csv: nothing is imported
  line 2: user_id \"@ana\": must be 1 to 19 decimal digits, the numeric id of a person at X
  line 3: account \"nope\": there is no such account in DIR/surveyd.toml
Mend these lines, and import the whole file again.
"),
    typed("a payload for an unknown source", "sources test nope payload.json", 2, "\
surveyd: NAME nope: there is no such source in DIR/surveyd.toml, which has desk
"),
    typed("a payload that is not there", "sources test desk payload.json", 1, "\
surveyd: payload.json cannot be read: No such file or directory (os error 2)
"),
    typed("refusals of an unknown source", "sources rejected nope", 2, "\
surveyd: NAME nope: there is no such source in DIR/surveyd.toml, which has desk
"),
    with_file("headers that are none", "payload.json", b"{}", "sources test desk payload.json --headers payload.json", 1, "surveyd: payload.json holds no line of the form `Name: value`\n"),
    typed("questions of another type", "questions ces", 2, "surveyd: TYPE ces: is neither csat nor nps\n"),
    typed("a demonstration of nobody", "demo --conversations 0", 2, "\
error: invalid value '0' for '--conversations <N>': write a whole number from 1 to 1000

For more information, try '--help'.
"),
    typed("pages of a demonstration that ends", "demo --listen 127.0.0.1:0", 2, "\
error: the following required arguments were not provided:
  --serve

Usage: surveyd demo --serve --listen <ADDR>

For more information, try '--help'.
"),
    typed("a sandbox at a name", "sandbox --listen localhost:8472", 2, "\
error: invalid value 'localhost:8472' for '--listen <ADDR>': write an IP address and a port, as 127.0.0.1:8472

For more information, try '--help'.
"),
    typed("a sandbox with a horizon in words", "sandbox --listen 127.0.0.1:0 --horizon soon", 2, "surveyd: --horizon soon: write it like 0s, 90s, 15m or 24h\n"),
    typed("help on a command that there is not", "help reprot", 2, "\
error: unrecognized subcommand 'reprot'

  tip: some similar subcommands exist: 'restore', 'export', 'report'

Usage: surveyd [OPTIONS] <COMMAND>

For more information, try '--help'.
"),
];
