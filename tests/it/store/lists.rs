//! Lists of surveys by a view, and the names that a view can be narrowed down to.

use surveyd::domain::days::Zone;
use surveyd::domain::summary::GroupBy;
use surveyd::domain::view::{Filter, View};
use surveyd::store::{CellDetail, List, NamedTogether, Page, Place};

use super::*;

const LONG: Duration = Duration::from_secs(60);

fn view(query: &str, now: Millis) -> View {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let zone = Zone::utc();
    let view = View::parse(pairs, &zone, now).unwrap();
    let days = surveyd::domain::days::Days { from: zone.day_of(START), to: zone.day_of(now) };
    view.over(days, &zone)
}

fn conversations(page: &Page) -> Vec<&str> {
    page.rows.iter().map(|row| row.survey.conversation_id.as_str()).collect()
}

impl Bench {
    /// Closes, sends and answers a survey of a team, and returns when.
    async fn answered(&self, number: u8, team: &str, tags: &[&str], at: Millis) -> Millis {
        let notice = Notice {
            team: Some(team.into()),
            language: Some("es".into()),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..Notice::default()
        };
        let person = format!("7{number}");
        let close = Close { notice, ..close(&format!("c-{number}"), &person, at) };
        self.take(close).await;
        let now = at.plus(DELAY);
        let leased = self.lease_one(now).await;
        let prompt = Prompt { kind: SurveyType::Csat, test: false, ..prompt() };
        let begun = self.store.begin_send(leased, prompt, rules(), times(now)).await.unwrap();
        let BeginOutcome::Sending(sending) = begun else { panic!("{begun:?}") };
        let feedback = format!("90{number}");
        self.store.finish(&sending, accepted(&feedback, now, None), now).await.unwrap();
        let score = scored(told(&feedback, now), 1 + i64::from(number % 5), now);
        let update = commented(score, &format!("said {number}"), now.plus(MINUTE));
        self.store.fold(ACCOUNT, vec![update], now).await.unwrap();
        now
    }
}

#[tokio::test]
async fn a_list_is_read_page_by_page_in_its_order_within_the_view() {
    on_each_engine(async |bench| {
        let mut now = START;
        for number in 0..7 {
            let team = if number % 2 == 0 { "even" } else { "odd" };
            let tags: &[&str] = if number < 3 { &["vip", "a\"b"] } else { &[] };
            now = bench.answered(number, team, tags, now.plus(HOUR)).await;
        }
        let (store, zone) = (&bench.store, Zone::utc());
        assert!(store.results_left(&zone).await.unwrap() > 0);
        assert_eq!(store.catch_up_results(&zone, now, LONG).await.unwrap(), 0);
        assert_eq!(store.results_left(&zone).await.unwrap(), 0);

        let all = view("", now);
        let first = store.listed(&all, List::Comments, None, 4).await.unwrap();
        assert_eq!(conversations(&first), ["c-6", "c-5", "c-4", "c-3"]);
        let place = Place::parse(&first.next.clone().unwrap().text());
        assert_eq!(place, first.next, "a place is read from its text");
        let second = store.listed(&all, List::Comments, place.as_ref(), 4).await.unwrap();
        assert_eq!(conversations(&second), ["c-2", "c-1", "c-0"]);
        assert_eq!(second.next, None);
        assert_eq!(second.rows[0].told.text.as_deref(), Some("said 2"));

        let oldest = store.listed(&all, List::Oldest, None, 50).await.unwrap();
        assert_eq!(conversations(&oldest).first(), Some(&"c-0"));
        let of = async |query: &str, list| {
            let view = view(query, now);
            let page = store.listed(&view, list, None, 50).await.unwrap();
            conversations(&page).join(" ")
        };
        assert_eq!(of("team=odd", List::Newest).await, "c-5 c-3 c-1");
        assert_eq!(of("tag=vip&team=even", List::Newest).await, "c-2 c-0");
        assert_eq!(of("tag=a\"b", List::Newest).await, "c-2 c-1 c-0");
        assert_eq!(of("tag=", List::Newest).await, "c-6 c-5 c-4 c-3");
        assert_eq!(of("question=csat&mood=unhappy", List::Comments).await, "c-6 c-5 c-1 c-0");
        assert_eq!(of("question=nps", List::Newest).await, "");
        assert_eq!(of("state=answered&team=odd", List::Newest).await, "c-5 c-3 c-1");
        assert_eq!(of("state=sent", List::Oldest).await, "");

        let counted = async |query: &str| store.comments_by_score(&view(query, now)).await.unwrap();
        let all = counted("").await.unwrap();
        let all: Vec<_> = all.into_iter().map(|(score, count)| (score.unwrap(), count)).collect();
        assert_eq!(all, [(1, 2), (2, 2), (3, 1), (4, 1), (5, 1)]);
        let odd = counted("team=odd").await.unwrap();
        assert_eq!(odd.values().sum::<u64>(), 3);
        assert_eq!(counted("tag=vip").await, None, "tags are not told apart in SQL");

        let of_conversation = async |accounts: &[&str], id: &str| {
            let accounts = accounts.iter().map(|name| (*name).to_owned());
            store.of_conversation(accounts, id, 20).await.unwrap().len()
        };
        assert_eq!(of_conversation(&[ACCOUNT, "other"], "c-3").await, 1);
        assert_eq!(of_conversation(&["other"], "c-3").await, 0);
        assert_eq!(of_conversation(&[ACCOUNT], "c-33").await, 0);
        assert_eq!(of("agent=", List::Newest).await.split(' ').count(), 7);
    })
    .await;
}

#[tokio::test]
async fn the_values_of_a_filter_are_those_that_results_have() {
    on_each_engine(async |bench| {
        bench.answered(1, "billing", &["vip", "a\"b"], START).await;
        let now = bench.answered(2, "returns", &["vip"], START).await;
        let (store, zone) = (&bench.store, Zone::utc());
        store.catch_up_results(&zone, now, LONG).await.unwrap();
        let of = async |filter| {
            let values = store.values_of(filter).await.unwrap();
            values.into_iter().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of(Filter::Account).await, ACCOUNT);
        assert_eq!(of(Filter::Team).await, "billing returns");
        assert_eq!(of(Filter::Tag).await, "a\"b vip");
        assert_eq!(of(Filter::Language).await, "es");
        assert_eq!(of(Filter::Variant).await, "", "there is no experiment");
        for filter in [Filter::Agent, Filter::Source, Filter::Rule] {
            assert!(of(filter).await.split(' ').count() <= 1, "{filter:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_names_of_results_are_those_that_occur_together() {
    on_each_engine(async |bench| {
        let now = bench.answered(1, "billing", &[], START).await;
        let (store, zone) = (&bench.store, Zone::utc());
        store.catch_up_results(&zone, now, LONG).await.unwrap();
        let named = NamedTogether {
            account: ACCOUNT.into(),
            team: Some("billing".into()),
            kind: SurveyType::Csat,
            language: Some("es".into()),
        };
        assert_eq!(store.names().await.unwrap(), [named]);
        let by_team = view("by=team", now);
        let cells = store.cells(&by_team, &zone, CellDetail::Whole).await.unwrap();
        assert_eq!(cells.len(), 1);
        assert_eq!((cells[0].counts.closes, cells[0].counts.answered()), (1, 1));
        assert_eq!(by_team.by, GroupBy::Team);
        let left_out = store.left_out(&by_team).await.unwrap();
        assert_eq!((left_out.tests, left_out.test_closes, left_out.dry_runs), (0, 0, 0));
    })
    .await;
}

#[test]
fn a_place_that_surveyd_did_not_write_leads_nowhere() {
    for text in ["", "1", "1,", ",a", "x,a", "1,a;b", "1,a b"] {
        assert_eq!(Place::parse(text), None, "{text}");
    }
}
