-- What resource-api sends for the list of 20 rows: settings and statement before one Sync, so one implicit transaction.
\startpipeline
SELECT set_config('sallyport.tenant_id', :tenant, true), set_config('sallyport.subject', :subject, true), set_config('sallyport.role', '', true), set_config('sallyport.scopes', :scopes, true);
SELECT CASE WHEN octet_length(body::text) <= 16777216 THEN body END, count FROM (SELECT coalesce(json_agg(sallyport_row.*), '[]') AS body, count(*) FROM (SELECT t."id", t."name", t."email", t."phone" FROM "api"."customers" AS t ORDER BY t."name" LIMIT :rows) AS sallyport_row) AS sallyport_answer;
\endpipeline
