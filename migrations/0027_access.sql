-- Who is signed in. The key is the SHA-256 of the cookie's value, so that a copy of the database lets nobody
-- in. The version changes with the login's roles, limits and password.
create table session (
    hash text primary key,
    login text not null,
    version text not null,
    made_at bigint not null,
    seen_at bigint not null
);
create index session_login on session (login, made_at);

-- Who signed in, saw and exported what. The id tells entries of one millisecond apart. The way says how
-- somebody was known: password, session, token, proxy, or '-' for nobody.
create table audit (
    at bigint not null,
    id text not null,
    way text not null,
    name text not null,
    roles text not null,
    what text not null,
    detail text not null,
    address text not null,
    primary key (at, id)
);
