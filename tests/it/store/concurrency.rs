//! Many at once, also as two daemons on one database.

use futures_util::future::join_all;

use super::*;

const NOW: Millis = Millis(START.0 + 300_000);

impl Bench {
    /// A second handle with a writer of its own, as another process would have.
    async fn other(&self) -> Store {
        Store::attach(&self.database.location).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn eight_workers_never_share_a_claim() {
    on_each_engine(async |bench| {
        let due = bench.take_many(500, START).await;
        let stores = [bench.store.clone(), bench.other().await];
        let workers = (0..8).map(|n| {
            let store = stores[n % 2].clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let leased = store.lease_due(ACCOUNT, 7, NOW.plus(LEASE), NOW).await.unwrap();
                    if leased.is_empty() {
                        return mine;
                    }
                    mine.extend(leased.into_iter().map(|leased| leased.survey.id));
                }
            })
        });
        let mut all: Vec<SurveyId> = Vec::new();
        for mine in join_all(workers).await {
            all.extend(mine.unwrap());
        }
        assert_eq!(all.len(), 500);
        assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), due);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_close_that_comes_sixty_four_times_at_once_is_one_survey() {
    on_each_engine(async |bench| {
        let stores = [bench.store.clone(), bench.other().await];
        for conversation in ["c-1", "c-2", "c-3"] {
            let deliveries = (0..64).map(|n| {
                let (store, close) = (stores[n % 2].clone(), close(conversation, "7", START));
                let at_close = scheduled(NOW);
                tokio::spawn(async move {
                    store.take_close(close, (at_close, None), CARD, None, START).await.unwrap()
                })
            });
            let taken: Vec<Taken> =
                join_all(deliveries).await.into_iter().map(|taken| taken.unwrap()).collect();
            assert_eq!(taken.iter().filter(|taken| taken.is_new).count(), 1, "{conversation}");
            let surveys: BTreeSet<_> = taken.iter().map(|taken| &taken.survey_id).collect();
            assert_eq!(surveys.len(), 1, "{conversation}");
        }
        assert_eq!(bench.store.status(START).await.unwrap().by_state[0], ("scheduled", 3));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn closes_of_one_conversation_at_once_end_at_the_newest() {
    on_each_engine(async |bench| {
        let stores = [bench.store.clone(), bench.other().await];
        let deliveries = (0..64_u32).map(|n| {
            let store = stores[n as usize % 2].clone();
            let closed_at = START.plus((n * 37 % 64) * SECOND);
            let close = close("c-1", "7", closed_at);
            let at_close = scheduled(closed_at.plus(DELAY));
            tokio::spawn(async move {
                store.take_close(close, (at_close, None), CARD, None, START).await.unwrap()
            })
        });
        let taken: Vec<Taken> =
            join_all(deliveries).await.into_iter().map(|taken| taken.unwrap()).collect();
        assert_eq!(taken.iter().filter(|taken| taken.is_new).count(), 1);
        let survey = bench.survey(&taken[0].survey_id).await;
        assert_eq!(survey.closed_at, START.plus(63 * SECOND));
        assert_eq!(survey.due_at, START.plus(63 * SECOND).plus(DELAY));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_daemons_never_prompt_a_person_twice_within_the_throttle() {
    on_each_engine(async |bench| {
        for n in 0..20 {
            bench.take(close(&format!("c-{n}"), "7", START)).await;
        }
        let stores = [bench.store.clone(), bench.other().await];
        let leased = bench.lease_due(20, NOW).await;
        let decisions = leased.into_iter().enumerate().map(|(n, leased)| {
            let store = stores[n % 2].clone();
            tokio::spawn(async move {
                store.begin_send(leased, prompt(), rules(), times(NOW)).await.unwrap()
            })
        });
        let begun: Vec<BeginOutcome> =
            join_all(decisions).await.into_iter().map(|begun| begun.unwrap()).collect();
        let sending =
            begun.iter().filter(|begun| matches!(begun, BeginOutcome::Sending(_))).count();
        assert_eq!(sending, 1);
        let counts = bench.store.status(NOW).await.unwrap().by_state;
        assert!(counts.contains(&("suppressed", 19)), "{counts:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_daemons_together_stay_within_a_limit() {
    on_each_engine(async |bench| {
        let stores = [bench.store.clone(), bench.other().await];
        let takes = (0..40).map(|n| {
            let store = stores[n % 2].clone();
            tokio::spawn(async move {
                let call = surveyd::domain::budget::Call::Show;
                match store.take_calls(ACCOUNT, call, 7, NOW).await.unwrap() {
                    Ready::Now(taken) => taken,
                    Ready::At(_) => 0,
                }
            })
        });
        let taken: u32 = join_all(takes).await.into_iter().map(|taken| taken.unwrap()).sum();
        assert_eq!(taken, 180);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn updates_folded_by_two_daemons_at_once_lose_nothing() {
    on_each_engine(async |bench| {
        let stores = [bench.store.clone(), bench.other().await];
        let sent = bench.sent("c-1", "7", "900").await;
        let folds = (0..32_u32).map(|n| {
            let store = stores[n as usize % 2].clone();
            let at = NOW.plus(n * SECOND);
            let mut updates = vec![told("900", at), told("901", at), told("902", at)];
            if n == 17 {
                updates[0] = scored(told("900", at), 5, at);
            }
            tokio::spawn(async move { store.fold(ACCOUNT, updates, at).await.unwrap() })
        });
        let folded = join_all(folds).await;
        let answered: usize = folded.into_iter().map(|folded| folded.unwrap().answered.len()).sum();
        assert_eq!(answered, 1);
        let told = bench.store.survey(&sent.id).await.unwrap().unwrap().told;
        assert_eq!((told.score, told.updated_at), (Some(5), Some(NOW.plus(31 * SECOND))));
        // create's own answer bore the same instant as the first of these.
        assert_eq!(told.updates, 32);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_two_daemons_are_told_at_once_is_news_to_one_of_them() {
    on_each_engine(async |bench| {
        let stores = [bench.store.clone(), bench.other().await];
        for page in 0..8 {
            let at = NOW.plus(page * SECOND);
            // Rows that neither knows of, beside some that both do.
            let ids = (0..40).map(|n| format!("{}", 900 + page * 20 + n));
            let updates: Vec<Update> = ids.map(|id| scored(told(&id, at), 4, at)).collect();
            let folds = stores.clone().map(|store| {
                let updates = updates.clone();
                tokio::spawn(async move { store.fold(ACCOUNT, updates, at).await.unwrap() })
            });
            let folded = join_all(folds).await.into_iter().map(|folded| folded.unwrap());
            assert_eq!(folded.map(|folded| folded.updated.len()).sum::<usize>(), 40);
        }
    })
    .await;
}
