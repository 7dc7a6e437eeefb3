//! What was refused last.

use surveyd::store::Rejected;

use super::*;

fn refused(source: &str, reason: usize) -> Rejected {
    Rejected {
        source: source.into(),
        answer: 422,
        reason: reason.to_string(),
        place: Some("/data/user_id".into()),
        path: None,
        delivery_id: Some("d-1".into()),
        count: 3,
    }
}

#[tokio::test]
async fn of_each_source_the_newest_refusals_are_kept() {
    on_each_engine(async |bench| {
        let (all, other) = (bench.store.rejected(None).await.unwrap(), refused("chat", 0));
        assert_eq!(all, []);
        bench.store.keep_rejected(vec![(START, other.clone())]).await.unwrap();
        for number in 0..12_usize {
            let at = START.plus(SECOND * u32::try_from(number).unwrap());
            let two = [refused("desk", 2 * number), refused("desk", 2 * number + 1)];
            bench.store.keep_rejected(two.map(|one| (at, one)).into()).await.unwrap();
        }
        let kept = bench.store.rejected(Some("desk")).await.unwrap();
        assert_eq!(kept.len(), 20);
        let last = START.plus(11 * SECOND);
        assert_eq!((kept[0].0, kept[1].0), (last, last.minus(Duration::from_millis(1))));
        let reasons: Vec<String> = kept.iter().map(|(_, one)| one.reason.clone()).collect();
        let newest_first: Vec<String> =
            (4..24).rev().map(|number: u8| number.to_string()).collect();
        assert_eq!(reasons, newest_first);
        assert!(kept.iter().all(|(_, one)| one.count == 3));
        let all = bench.store.rejected(None).await.unwrap();
        assert_eq!((all.len(), &all[0]), (21, &(START, other.clone())));
        assert_eq!(bench.store.rejected(Some("nobody")).await.unwrap(), []);

        // However many strangers come, what a help desk sent stays.
        for number in 0..3_usize {
            let of_strangers = Rejected { answer: 401, ..refused("chat", number) };
            let at = START.plus(SECOND * u32::try_from(20 + number).unwrap());
            bench.store.keep_rejected(vec![(at, of_strangers); 10]).await.unwrap();
        }
        let kept = bench.store.rejected(Some("chat")).await.unwrap();
        assert_eq!((kept.len(), kept.last()), (21, Some(&(START, other.clone()))));
    })
    .await;
}
