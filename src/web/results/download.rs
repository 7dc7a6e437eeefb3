//! Gives the surveys of a view as a file, row by row while they are read.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hyper::body::{Body as HttpBody, Frame};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tracing::warn;

use super::asked::Asked;
use super::page::ErrorForm;
use super::reception::Download;
use super::visit::{AuditedResponse, Visit};
use crate::domain::result_files::ExportFile;
use crate::domain::view::View;
use crate::report::export::{Dialect, FileExport};
use crate::store::{List, ResultRow, Store};

/// The key of the form.
const FORMAT: &str = "format";
/// The surveys that are read at once.
const PAGE: u32 = 500;
/// The bytes of one part of the body, and the parts that may wait for a slow reader.
const PART_BYTES: usize = 64 * 1_024;
const PARTS_WAITING: usize = 4;

/// The media type of a file.
fn media_type(form: ExportFile) -> &'static str {
    match form {
        ExportFile::Csv => "text/csv; charset=utf-8",
        ExportFile::Jsonl => "application/jsonl; charset=utf-8",
        ExportFile::Parquet => "application/vnd.apache.parquet",
        ExportFile::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    }
}

/// The surveys whose conversation closed in the period, the oldest first.
pub async fn export(visit: Visit) -> AuditedResponse {
    let answered = async {
        let given = form_urlencoded::parse(visit.query.as_bytes());
        let formats: Vec<String> =
            given.filter(|(key, _)| key == FORMAT).map(|(_, value)| value.into_owned()).collect();
        let form = match formats.as_slice() {
            [one] => ExportFile::parse(one),
            _ => None,
        };
        let form = form.ok_or_else(|| {
            let words = "format is needed once: csv, jsonl, parquet or xlsx";
            ErrorForm::Problem.refuse(StatusCode::BAD_REQUEST, words)
        })?;
        let asked = Asked::of(&visit, ErrorForm::Problem, &[FORMAT]).await?;
        Ok::<_, Response>((form, asked))
    };
    let (form, asked) = match answered.await {
        Ok(asked) => asked,
        Err(refusal) => return AuditedResponse::from(refusal),
    };
    let shown = format!("format={} {}", form.ending(), asked.shown(None)).trim().to_owned();
    let (to, parts) = mpsc::channel(PARTS_WAITING);
    let Some(download) = visit.web.reception.download() else {
        let words = "Too many files are being downloaded at this moment. Try again in a minute.";
        return ErrorForm::Problem.unavailable(words).into();
    };
    let days = asked.within.days;
    let (store, view) = (asked.reading.store.clone(), asked.within.clone());
    let source = RowSource { handle: Handle::current(), download, store, view };
    tokio::task::spawn_blocking(move || {
        let mut out = Parts { to: to.clone(), waiting: Vec::new() };
        let written = write(&source, form, &mut out);
        let written = written.and_then(|()| io::Write::flush(&mut out));
        if let Err(error) = written.and_then(|()| out.hand_on()) {
            // A reader who has gone away is no failure.
            if !to.is_closed() {
                warn!(event = "export.failed", "an export over HTTP has broken off: {error}");
                let _ = to.blocking_send(Err(error));
            }
        }
    });
    let name = format!("surveys-{}.{}", days.to_string().replace(' ', "-"), form.ending());
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""))
        .expect("days and endings are ASCII");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type(form))),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    let body = Body::new(PartsBody(parts));
    AuditedResponse::showing((headers, body).into_response(), shown)
}

fn write(source: &RowSource, form: ExportFile, out: &mut Parts) -> io::Result<()> {
    let mut file = FileExport::new(form, Dialect::Programs, out, &std::env::temp_dir())?;
    source.each(|row| file.row(row))?;
    file.finish()?;
    Ok(())
}

/// Where the rows of a file come from.
struct RowSource {
    handle: Handle,
    download: Download,
    store: Store,
    view: View,
}

impl RowSource {
    /// Gives each survey of the view to `take`, the oldest first. Others may read the database
    /// while `take` waits for a slow reader.
    fn each(&self, mut take: impl FnMut(&ResultRow) -> io::Result<()>) -> io::Result<()> {
        let mut after = None;
        loop {
            let page = self.handle.block_on(async {
                let _reading = self.download.reading().await;
                self.store.listed(&self.view, List::Oldest, after.as_ref(), PAGE).await
            });
            let page = page.map_err(|error| io::Error::other(error.to_string()))?;
            page.rows.iter().try_for_each(&mut take)?;
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }
}

/// Hands what is written on to the body of the answer. It waits while the reader is slow.
struct Parts {
    to: mpsc::Sender<io::Result<Bytes>>,
    waiting: Vec<u8>,
}

impl Parts {
    fn hand_on(&mut self) -> io::Result<()> {
        let part = Bytes::from(std::mem::take(&mut self.waiting));
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.to.blocking_send(Ok(part)).map_err(gone)
    }
}

impl io::Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= PART_BYTES {
            self.hand_on()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.waiting.is_empty() { Ok(()) } else { self.hand_on() }
    }
}

/// The body of an answer that is written meanwhile. An empty part is its end. An end without that
/// part breaks the connection off, so that no reader takes a part for the whole.
struct PartsBody(mpsc::Receiver<io::Result<Bytes>>);

impl HttpBody for PartsBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let part = match std::task::ready!(self.0.poll_recv(context)) {
            Some(Ok(part)) if part.is_empty() => return Poll::Ready(None),
            Some(part) => part,
            None => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
        };
        Poll::Ready(Some(part.map(Frame::data)))
    }
}
