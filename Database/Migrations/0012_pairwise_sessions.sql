-- What clients with pairwise subjects are told of a session: a name of their sector's own, so that it does not link what their subjects keep apart.

-- sid, as this client is told it; NULL where it is told session_id itself.
ALTER TABLE auth.access_grant ADD COLUMN pairwise_session text;
