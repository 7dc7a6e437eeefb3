-- How far the events of an account have been read, and what for: once without a gap ('first'), and in
-- second looks over the last day and the last week for what surfaces late.
create table reading (
    account text not null,
    what text not null check (what in ('first', 'day', 'week')),
    -- Where the first window of all began.
    begun_from bigint,
    -- All events up to here are in. Absent: none has been read.
    done_to bigint,
    -- When it came that far.
    done_at bigint,
    -- Of a look: where it ends. It is under way while done_to has not come to it.
    goal bigint,
    -- The window that is being read, and the cursor of its next page.
    window_from bigint,
    window_to bigint,
    cursor text,
    -- The longest that windows may be while X's cursors do not last. Absent: a day.
    window_most bigint,
    primary key (account, what)
);

insert into reading (account, what, begun_from, done_to, window_from, window_to, cursor)
select p.account, 'first', (select min(s.accepted_at) from survey s where s.account = p.account),
       p.done_to, p.window_from, p.window_to, p.cursor
from poll p;

drop table poll;
