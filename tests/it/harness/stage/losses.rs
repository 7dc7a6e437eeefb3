//! A stage whose database is lost, or older than what was sent.

use std::time::Duration;

use surveyd::rebuild::{self, RebuildRequest};

use super::{START, Stage};

impl Stage {
    /// surveyd ends, its database is lost but for what lies beside it, and it starts again with an
    /// empty one. Whether that is noticed.
    pub async fn lose_database(&mut self) -> bool {
        self.stop.stop_within(Duration::ZERO);
        self.store.clone().close().await;
        let file = self.database.location.file().expect("a file can be lost");
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{ending}", file.display()));
        }
        self.store = self.database.open().await;
        let accounts = self.staff.iter().map(|(desk, _)| desk.name().to_owned()).collect();
        let is_noticed = self.store.compare(accounts, self.now()).await.unwrap().doubt.is_some();
        self.restart().await;
        is_noticed
    }

    /// The database is taken for lost, and a rebuild was to make it anew.
    pub async fn hold_for_rebuild(&self) {
        for (desk, _) in &self.staff {
            rebuild::hold(desk, START).await.unwrap();
            // X does not tell of today yet: there is nothing to read, and the hold is what is left.
            let wanted = RebuildRequest { from: START, to: None, makes_surveys: true };
            let done = rebuild::rebuild(desk, wanted, &|_| ()).await;
            assert!(matches!(done, Err(rebuild::RebuildError::TooEarly(_))));
        }
    }

    /// surveyd finds more sends beside its database than in it, as after an old backup was
    /// restored.
    pub async fn restore_a_backup(&self) {
        let database = self.database.location.file().expect("a server's has no count beside it");
        let mark = format!("{}.sends", database.display());
        let before = std::fs::read_to_string(&mark).unwrap_or_default();
        let (_, named) = before.split_once('\n').unwrap_or_default();
        std::fs::write(mark, format!("{:019}\n{named}", 1_000)).unwrap();
        let names = self.staff.iter().map(|(desk, _)| desk.name().to_owned()).collect();
        assert!(self.store.compare(names, self.now()).await.unwrap().doubt.is_some());
    }
}
