//! Policies that a source can never feed, and rules that ask nobody.

use super::*;

const DESK: &str = "[[sources]]\nname = \"desk\"\nkind = \"freshdesk\"\nsecret = \"user:a secret\"\n\
     [[sources]]\nname = \"other\"\nkind = \"zammad\"\nsecret = \"another secret\"\n";

fn warned(text: &str) -> Vec<String> {
    warnings(&sound(text)).into_iter().map(|warning| warning.to_string()).collect()
}

#[test]
fn a_policy_that_a_desk_never_feeds_is_named_with_the_desk() {
    let text = survey(&format!(
        "stale_after = \"7d\"\nmin_agent_messages = 1\nmessages = {{ es = \"¿Qué tal?\" }}\n\
         [[accounts.rules]]\nname = \"gold\"\nwhen = {{ tag = \"vip\", attributes = {{ plan = \"gold\" }} }}\nskip = true\n\
         {DESK}"
    ));
    let one = |key: &str, silent: &str, what: &str, how: &str| {
        format!(
            "accounts.acme.{key}: has no effect on closes from {silent}: nothing there tells {what}\n  \
             say in [[sources]] where it stands, {how}, or keep the policy to other sources by a rule"
        )
    };
    let both = "desk (freshdesk), other (zammad)";
    assert_eq!(
        warned(&text),
        [
            one(
                "survey.stale_after",
                "desk (freshdesk)",
                "last_message_at",
                "last_message_at = \"/…\""
            ),
            one(
                "survey.min_agent_messages",
                "other (zammad)",
                "agent_messages",
                "agent_messages = \"/…\""
            ),
            one(
                "rules.gold.when.attributes.plan",
                both,
                "the attribute plan",
                "attributes = { plan = \"/…\" }"
            ),
        ]
    );
}

#[test]
fn what_is_told_or_asked_of_another_source_is_fine() {
    let told = "kind = \"freshdesk\"\nlast_message_at = \"/last\"\n";
    let desk = DESK.replace("kind = \"freshdesk\"\n", told);
    assert_eq!(warned(&survey(&format!("stale_after = \"7d\"\n{desk}"))), [] as [&str; 0]);
    let of_zammad = "[[accounts.rules]]\nwhen = { source = \"other\" }\nstale_after = \"7d\"\n";
    assert_eq!(warned(&survey(&format!("{of_zammad}{DESK}"))), [] as [&str; 0]);
    assert_eq!(warned(&survey(&format!("stale_after = \"7d\"\n{SOURCE}"))), [] as [&str; 0]);
    let globex = with(&with(LEAST, "\"acme\"", "\"globex\""), "1212121212121", "77");
    let desks = DESK.replace("name = \"desk\"\n", "name = \"desk\"\naccount = \"acme\"\n");
    let desks = desks.replace("name = \"other\"\n", "name = \"other\"\naccount = \"globex\"\n");
    let found = warned(&format!("{globex}{}{desks}", survey("stale_after = \"7d\"")));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("from desk (freshdesk):"), "{found:?}");
}

#[test]
fn what_a_new_operator_may_misunderstand_is_said() {
    let keys = |text: &str| warnings(&sound(text)).into_iter().map(|it| it.key).collect::<Vec<_>>();
    assert_eq!(keys(&survey("test = true")), ["accounts.acme.survey.test"]);
    assert_eq!(keys(&format!("{LEAST}[http]\nlisten = \"0.0.0.0:8471\"\n")), ["http.listen"]);
    for listen in ["127.0.0.1:1", "[::1]:1"] {
        assert!(keys(&format!("{LEAST}[http]\nlisten = \"{listen}\"\n")).is_empty(), "{listen}");
    }
}

#[test]
fn a_rule_for_what_is_left_out_asks_nobody() {
    let rule = |lines: &str| {
        warned(&survey(&format!(
            "[[accounts.rules]]\nname = \"bots\"\nwhen = {{ closed_by = \"bot\" }}\n{lines}"
        )))
    };
    assert_eq!(
        rule("message = \"How was our bot?\"\n"),
        [
            "accounts.acme.rules.bots.when.closed_by: asks nobody: skip_closed_by leaves out what is closed by bot\n  \
             write skip_closed_by = [] into the rule, or skip = true if that is meant"
        ]
    );
    assert_eq!(rule("skip_closed_by = []\n"), [] as [&str; 0]);
    assert_eq!(rule("skip = true\n"), [] as [&str; 0]);
}
