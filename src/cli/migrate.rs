//! `surveyd migrate` brings the database's schema up to date.

use super::Context;
use crate::output::note;
use crate::store::Store;

pub const EXAMPLES: &str = "  surveyd migrate\n  surveyd migrate --config surveyd.toml";

pub const NOTE: &str = "\
Creates the database if there is none. Back it up first: an older surveyd does not open a newer
schema.";

pub async fn run(context: &Context) -> anyhow::Result<()> {
    let store = Store::open(&context.shown_location()?).await?;
    let (respelt, more) = store.respelt().await?;
    for found in &respelt {
        note!("ids with zeros before them: {found}");
    }
    if more > 0 {
        note!("ids with zeros before them: and {more} more");
    }
    store.forget_respelt().await?;
    store.close().await;
    note!("the database's schema is up to date");
    Ok(())
}
