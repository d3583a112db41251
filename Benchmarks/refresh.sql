-- What auth-server sends to rotate a refresh token: tenant and statement before one Sync, so one implicit transaction, committed durably.
\set number random(1, :grants)
\startpipeline
SELECT set_config('sallyport.tenant_id', :tenant, true);
UPDATE auth.access_grant AS g SET refresh_previous_hash = g.refresh_hash, refresh_hash = :hash::bytea, refresh_generation = g.refresh_generation + 1, refreshed_at = now(), refresh_expires_at = least(g.expires_at, now() + interval '15 days') FROM auth.membership AS m JOIN auth.role AS r ON r.tenant_id = m.tenant_id AND r.name = m.role_name WHERE g.tenant_id = :tenant::uuid AND g.period = :period::integer AND g.id = ('00000000-0000-4000-8000-' || lpad(:number::text, 12, '0'))::uuid AND g.refresh_hash = :hash::bytea AND g.client_id = :client AND g.revoked_at IS NULL AND g.expires_at > now() AND g.refresh_expires_at > now() AND m.tenant_id = :tenant::uuid AND m.account_id = g.account_id AND m.disabled_at IS NULL RETURNING g.period, g.id, g.client_id, g.account_id, g.session_id, g.grant_type, g.scopes, g.subject, g.authenticated_at, g.methods, g.requested_claims, g.created_at, g.expires_at, r.name, r.rank, r.permissions, r.is_built_in;
\endpipeline
