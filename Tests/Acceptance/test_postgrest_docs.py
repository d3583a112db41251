"""The examples of PostgREST's documentation, one by one, on its sample schemas (postgrest_docs.sql): what a newcomer would try first."""

from pathlib import Path

import pytest
from support import Sallyport


class Docs:
    """A stack that exposes the schema `docs` before `api`, and a token for everything in one tenant."""

    def __init__(self, stack):
        self.site = Sallyport(stack)
        self.site.sql((Path(__file__).parent / "postgrest_docs.sql").read_text())
        stack.services["resource-api"].stop(30)
        stack.start_service("resource-api", SALLYPORT_API_SCHEMAS="docs,api")
        self.token = self.site.ask_token("acme", self.site.new_client("acme", "*:*"), scope="*:*").json()["access_token"]

    def send(self, method: str, path: str, status: int = 200, **options):
        answer = self.site.api(method, path, self.token, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        assert "Elsewhere" not in answer.text and "tenant_id" not in answer.text
        return answer

    def get(self, path: str, status: int = 200, **headers: str):
        return self.send("GET", path, status, headers={name.replace("_", "-"): value for name, value in headers.items()}).json()


@pytest.fixture(scope="module")
def docs(start_stack) -> Docs:
    return Docs(start_stack("documentation"))


def ids(rows) -> list[int]:
    return sorted(row["id"] for row in rows)


WORKERS = "Workers Leaving The Lumière Factory In Lyon"

# Domain representations: https://docs.postgrest.org/en/stable/references/api/domain_representations.html


def test_domain_representations(docs):
    john = {"id": "hGxP/ZLOTeeNEY4pkp9OxA==", "name": "John Doe"}
    assert docs.get("profiles") == [john]
    jane = {"id": "ZH4RwHmsRpqZDCzBzXz+yA==", "name": "Jane Doe"}
    assert docs.send("POST", "profiles?select=*", 201, json=jane, headers={"Prefer": "return=representation"}).json() == [jane]
    assert docs.get("profiles?id=eq.ZH4RwHmsRpqZDCzBzXz%2ByA==") == [jane]
    assert docs.get("profiles?id=in.(hGxP/ZLOTeeNEY4pkp9OxA==)") == [john]


# Tables and views: https://docs.postgrest.org/en/stable/references/api/tables_views.html


@pytest.mark.parametrize(("query", "expected"), [
    ("age=lt.13", [4]),
    ("age=gte.18&student=is.true", [1, 2]),
    ("or=(age.lt.14,age.gt.21)", [1, 4]),
    ("age=not.eq.30", [2, 3, 4]),
    ("not.and=(age.gte.0,age.lte.14)", [1, 2]),
    ("grade=gte.90&student=is.true&or=(age.eq.14,not.and(age.gte.11,age.lte.17))", [1, 3]),
    ("last_name=like(any).{D*,*ett}", [1, 2, 3]),
    ("last_name=like(all).{D*,*e}", [1, 2]),
    ("first_name=match.^J", [1, 2]),
    ("first_name=imatch.^(j|s)", [1, 2, 3]),
    ("student=is.not_null", [1, 2, 3, 4]),
    ("age=is.null", [5]),
    ("student=isdistinct.true", [4, 5]),
    ("age=in.(11,14)", [3, 4]),
    ("json_data->>blood_type=eq.A-", [1, 3]),
    ("json_data->age=gt.20", [1, 3]),
    ("json_data->phones->0->>number=eq.917-929-5745", [1]),
    ("full_name=eq.Sam Beckett", [3]),
    ("full_name=fts.Beckett", [3]),
])
def test_horizontal_filtering(docs, query, expected):
    assert ids(docs.get(f"people?select=id&{query}")) == expected


@pytest.mark.parametrize(("query", "expected"), [
    ("my_tsv=fts(french).amusant", [1]),
    ("my_tsv=plfts.The%20Fat%20Cats", [2, 3]),
    ("my_tsv=not.phfts(english).The%20Fat%20Cats", [1, 3]),
    ("my_tsv=not.wfts(french).amusant", [2, 3]),
    ("my_text=fts(english).cat", [2, 3]),
])
def test_full_text_search(docs, query, expected):
    assert ids(docs.get(f"tsearch?select=id&{query}")) == expected


def test_vertical_filtering(docs):
    assert docs.get("people?select=first_name,age&age=gte.20&order=id") == [{"first_name": "John", "age": 30}, {"first_name": "Jane", "age": 20}]
    assert docs.get("people?select=givenName:first_name,size:height&id=eq.1") == [{"givenName": "John", "size": 180}]
    assert docs.get("people?select=first_name,salary::text&id=eq.1") == [{"first_name": "John", "salary": "90000.00"}]


def test_json_columns(docs):
    phones = [{"country_code": "61", "number": "917-929-5745"}]
    assert docs.get("people?select=id,json_data->>blood_type,json_data->phones&id=eq.1") == [{"id": 1, "blood_type": "A-", "phones": phones}]
    assert docs.get("people?select=id,json_data->phones->0->>number&id=in.(1,2)&order=id") == [
        {"id": 1, "number": "917-929-5745"}, {"id": 2, "number": "512-446-4988"}]
    assert docs.get("people?select=id,json_data->age&json_data->age=gt.20&order=json_data->>age.desc") == [{"id": 3, "age": 30}, {"id": 1, "age": 25}]


def test_composite_and_array_columns(docs):
    rows = docs.get("countries?select=id,location->>lat,location->>long,primary_language:languages->0&location->lat=gte.19")
    assert rows == [{"id": 5, "lat": "19.741755", "long": "-155.844437", "primary_language": "en"}]


def test_computed_columns(docs):
    assert docs.get("people?select=first_name,full_name&full_name=fts.Beckett") == [{"first_name": "Sam", "full_name": "Sam Beckett"}]
    assert "full_name" not in docs.get("people?id=eq.1")[0]
    assert docs.get("people?select=*,full_name&id=eq.1")[0]["full_name"] == "John Doe"
    assert [row["id"] for row in docs.get("people?select=id&order=full_name&full_name=not.is.null")] == [4, 2, 1, 5, 3]


@pytest.mark.parametrize(("order", "expected"), [
    ("age.desc.nullslast,height.asc", [1, 2, 3, 4, 5]),
    ("age", [4, 3, 2, 1, 5]),
    ("age.nullsfirst", [5, 4, 3, 2, 1]),
    ("age.desc", [5, 1, 2, 3, 4]),
])
def test_ordering(docs, order, expected):
    assert [row["id"] for row in docs.get(f"people?select=id&order={order}")] == expected


def test_limits_and_ranges(docs):
    answer = docs.send("GET", "people?select=id&order=id", headers={"Range-Unit": "items", "Range": "0-1"})
    assert ids(answer.json()) == [1, 2] and answer.headers["Content-Range"] == "0-1/*"
    assert docs.send("GET", "people", headers={"Range": "3-"}).headers["Content-Range"] == "3-4/*"
    assert ids(docs.get("people?select=id&order=id&limit=2&offset=3")) == [4, 5]
    counted = docs.send("GET", "people?select=id", 206, headers={"Range": "0-1", "Prefer": "count=exact"})
    assert counted.headers["Content-Range"] == "0-1/5" and len(counted.json()) == 2
    headed = docs.send("HEAD", "people?limit=2", 206, headers={"Prefer": "count=exact"})
    assert headed.headers["Content-Range"] == "0-1/5" and headed.text == ""
    for kind in ("planned", "estimated"):
        answer = docs.send("HEAD", "people", headers={"Prefer": f"count={kind}"})
        assert answer.headers["Content-Range"] == "0-4/5"
    beyond = docs.get("people?offset=9", 416, Prefer="count=exact")
    assert beyond["code"] == "PGRST103"


def test_views(docs):
    assert ids(docs.get("adults?select=id")) == [1, 2]
    assert docs.send("OPTIONS", "adults").headers["Allow"] == "OPTIONS,GET,HEAD,POST,PUT,PATCH,DELETE"


def test_names_with_spaces_dots_and_other_letters(docs):
    assert ids(docs.get("Order%20Items?select=id&Unit%20Price=lt.200")) == [1]
    assert ids(docs.get("Order%20Items?select=id&%22information.cpe%22=like.*MS*")) == [1]
    assert docs.get("%D9%85%D9%88%D8%A7%D8%B1%D8%AF") == [{"شناسه": 1}]
    assert ids(docs.get("employees?select=id&name=in.(%22Hebdon,John%22,%22Williams,Mary%22)")) == [4]


# Writing


@pytest.fixture
def people(docs):
    yield docs
    docs.send("DELETE", "people?id=gt.5", 204)


def test_insert(people):
    made = people.send("POST", "people", 201, json={"id": 10, "first_name": "New"}, headers={"Prefer": "return=headers-only"})
    assert made.headers["Location"] == "/api/v1/people?id=eq.10" and made.text == ""
    whole = people.send("POST", "people?select=id,first_name", 201, json={"id": 11, "first_name": "N"}, headers={"Prefer": "return=representation"})
    assert whole.json() == [{"id": 11, "first_name": "N"}]
    assert people.send("POST", "people", 201, json={"first_name": "Numbered"}).text == ""
    form = people.send("POST", "people", 201, data={"id": "12", "first_name": "John Doe", "age": "50"}, headers={"Prefer": "return=representation"})
    assert form.json()[0]["age"] == 50
    quoted = people.send("POST", "people", 400, json='{"id": 13}')
    assert quoted.json()["code"] == "PGRST102"


def test_bulk_insert(people):
    lines = "id,first_name,age,height\n20,J Doe,62,70\n21,\"Jonas, \"\"Q\"\"\",10,NULL\n22,,1,2\n"
    headers = {"Content-Type": "text/csv", "Prefer": "return=representation"}
    made = people.send("POST", "people?select=id,first_name,height", 201, data=lines.encode(), headers=headers).json()
    assert made == [{"id": 20, "first_name": "J Doe", "height": 70}, {"id": 21, "first_name": 'Jonas, "Q"', "height": None}, {"id": 22, "first_name": "", "height": 2}]
    rows = [{"id": 23, "age": 62, "height": 70}, {"id": 24, "age": 10, "height": 55}]
    people.send("POST", "people", 201, json=rows)
    assert people.send("POST", "people", 400, json=[{"id": 25, "age": 1}, {"id": 26}]).json()["code"] == "PGRST102"
    mixed = people.send("POST", "people?columns=id,age", 201, json=[{"id": 25, "age": 1}, {"id": 26}], headers={"Prefer": "return=representation, missing=default"})
    assert [row["age"] for row in mixed.json()] == [1, None]


def test_specifying_columns(docs):
    row = {"source": "Natural Disaster Prevention and Control", "publication_date": "2015-09-11", "figure": 1100, "location": "...", "extra": "..."}
    answer = docs.send("POST", "datasets?columns=source,publication_date,figure", 201, json=row, headers={"Prefer": "return=representation"})
    assert answer.json()[0]["figure"] == 1100
    assert docs.send("POST", "datasets", 400, json=row).json()["code"] == "PGRST204"


def test_update_and_delete(people):
    people.send("POST", "people", 201, json=[{"id": 30, "age": 5}, {"id": 31, "age": 6}])
    people.send("PATCH", "people?age=lt.10", 204, json={"category": "child"})
    changed = people.send("PATCH", "people?select=id,category&id=eq.30", json={"category": "elder"}, headers={"Prefer": "return=representation"})
    assert changed.json() == [{"id": 30, "category": "elder"}]
    assert people.get("people?select=category&id=eq.31") == [{"category": "child"}]
    gone = people.send("DELETE", "people?select=id&id=eq.31", headers={"Prefer": "return=representation"})
    assert gone.json() == [{"id": 31}]


def test_upsert(docs):
    rows = [{"id": 1, "name": "Taylor", "salary": 40000}, {"id": 50, "name": "New employee", "salary": 50000}]
    answer = docs.send("POST", "employees?select=id,salary", 201, json=rows, headers={"Prefer": "resolution=merge-duplicates, return=representation"})
    assert answer.json() == [{"id": 1, "salary": 40000}, {"id": 50, "salary": 50000}]
    by_name = docs.send("POST", "employees?on_conflict=name&select=id,salary", json=[{"id": 1, "name": "Taylor", "salary": 36000}],
                        headers={"Prefer": "resolution=merge-duplicates, return=representation"})
    assert by_name.json() == [{"id": 1, "salary": 36000}]
    ignored = docs.send("POST", "employees", 201, json=[{"id": 1, "name": "Taylor", "salary": 1}],
                        headers={"Prefer": "resolution=ignore-duplicates, return=representation"})
    assert ignored.json() == []
    docs.send("DELETE", "employees?id=eq.50", 204)


def test_put(docs):
    row = {"id": 60, "name": "Sara B.", "salary": 60000, "supervisor_id": None}
    docs.send("PUT", "employees?id=eq.60", 201, json=row)
    assert docs.send("PUT", "employees?id=eq.60", json=row | {"salary": 1}, headers={"Prefer": "return=representation"}).json()[0]["salary"] == 1
    assert docs.send("PUT", "employees?id=eq.60", 400, json=row | {"id": 61}).json()["code"] == "PGRST115"
    assert docs.send("PUT", "employees?name=eq.x", 405, json=row).json()["code"] == "PGRST105"
    docs.send("DELETE", "employees?id=eq.60", 204)


# Resource embedding: https://docs.postgrest.org/en/stable/references/api/resource_embedding.html


def by_title(rows) -> dict:
    return {row["title"]: row for row in rows}


def test_many_to_one(docs):
    assert docs.get("films?select=title,directors(id,last_name)&order=id&limit=2") == [
        {"title": WORKERS, "directors": {"id": 2, "last_name": "Lumière"}},
        {"title": "The Dickson Experimental Sound Film", "directors": {"id": 1, "last_name": "Dickson"}}]
    assert docs.get("films?select=title,director:directors(last_name)&id=in.(1,5)&order=id") == [
        {"title": WORKERS, "director": {"last_name": "Lumière"}}, {"title": "Pulp Fiction", "director": None}]


def test_one_to_many(docs):
    assert docs.get("directors?select=last_name,films(title)&id=eq.3") == [{"last_name": "Méliès", "films": [{"title": "The Haunted Castle"}]}]


def test_many_to_many(docs):
    assert docs.get("actors?select=first_name,last_name,films(title)&id=eq.1") == [
        {"first_name": "Willem", "last_name": "Dafoe", "films": [{"title": "The Lighthouse"}]}]


def test_one_to_one(docs):
    assert docs.get("films?select=title,technical_specs(camera)&id=eq.5") == [{"title": "Pulp Fiction", "technical_specs": {"camera": "Arriflex 35-III"}}]


def test_computed_relationships(docs):
    assert docs.get("premieres?select=location,film(title)&id=eq.1") == [{"location": "Cannes Film Festival", "film": {"title": "Pulp Fiction"}}]
    assert docs.get("films?select=title,premieres(location)&id=eq.5") == [{"title": "Pulp Fiction", "premieres": [{"location": "Cannes Film Festival"}]}]


def test_several_foreign_keys_need_a_choice(docs):
    refused = docs.get("orders?select=*,addresses(*)", 300)
    assert refused["code"] == "PGRST201"
    assert refused["message"] == "Could not embed because more than one relationship was found for 'orders' and 'addresses'"
    assert refused["hint"] == (
        "Try changing 'addresses' to one of the following: 'addresses!billing', 'addresses!shipping'. Find the desired relationship in the 'details' key.")
    assert refused["details"] == [
        {"cardinality": "many-to-one", "embedding": "orders with addresses", "relationship": f"{key} using orders({key}_address_id) and addresses(id)"}
        for key in ("billing", "shipping")]
    assert docs.get("orders?select=name,billing_address:addresses!billing(name),shipping_address:addresses!shipping(name)&id=eq.1") == [
        {"name": "Personal Water Filter", "billing_address": {"name": "32 Glenlake Dr."}, "shipping_address": {"name": "30 Glenlake Dr."}}]
    assert docs.get("addresses?select=name,billing_orders:orders!billing(name),shipping_orders:orders!shipping(name)&id=eq.1&billing_orders.order=id") == [
        {"name": "32 Glenlake Dr.", "billing_orders": [{"name": "Personal Water Filter"}, {"name": "Coffee Machine"}],
         "shipping_orders": [{"name": "Coffee Machine"}]}]


def test_recursive_relationships(docs):
    assert docs.get("presidents?select=last_name,predecessor(last_name),successor(last_name)&id=eq.2") == [
        {"last_name": "Adams", "predecessor": {"last_name": "Washington"}, "successor": {"last_name": "Jefferson"}}]
    assert docs.get("employees?select=name,supervisees(name)&id=eq.1&supervisees.order=id") == [
        {"name": "Taylor", "supervisees": [{"name": "Johnson"}, {"name": "Miller"}]}]
    assert docs.get("employees?select=name,supervisor(name)&id=eq.3") == [{"name": "Miller", "supervisor": {"name": "Taylor"}}]
    assert docs.get("users?select=username,subscribers(username),following(username)&id=eq.4&subscribers.order=id") == [
        {"username": "the_top_artist", "subscribers": [{"username": "patrick109"}, {"username": "alicia_smith"}], "following": [{"username": "top_streamer"}]}]


def test_partitioned_tables(docs):
    assert docs.get("box_office?select=bo_date,gross_revenue,films(title)&gross_revenue=gte.1000000") == [
        {"bo_date": "2021-01-05", "gross_revenue": 1500000.00, "films": {"title": "The Lighthouse"}}]
    docs.get("box_office_2021_01", 404)


def test_views_embed_through_their_tables_keys(docs):
    rows = docs.get("nominations_view?select=film_title,films(language),roles(character),actors(last_name,first_name)&rank=eq.5&roles.order=character&actors.order=last_name")
    assert rows == [{
        "film_title": "Pulp Fiction", "films": {"language": "english"}, "roles": [{"character": "Chico"}, {"character": "Vincent Vega"}],
        "actors": [{"last_name": "Hanks", "first_name": "Tom"}, {"last_name": "Travolta", "first_name": "John"}]}]


def test_functions_embed_as_their_tables_do(docs):
    assert docs.get("rpc/getallfilms?select=title,directors(id,last_name)&title=like.*Workers*") == [
        {"title": WORKERS, "directors": {"id": 2, "last_name": "Lumière"}}]


def test_writes_embed(docs):
    row = {"id": 100, "director_id": 5, "title": "127 hours", "year": 2010, "rating": 7.6, "language": "english"}
    made = docs.send("POST", "films?select=title,year,director:directors(first_name,last_name)", 201, json=row, headers={"Prefer": "return=representation"})
    assert made.json() == [{"title": "127 hours", "year": 2010, "director": {"first_name": "John", "last_name": "Ford"}}]
    gone = docs.send("DELETE", "films?select=title,directors(last_name)&id=eq.100", headers={"Prefer": "return=representation"})
    assert gone.json() == [{"title": "127 hours", "directors": {"last_name": "Ford"}}]


def test_nested_embedding(docs):
    assert docs.get("actors?select=roles(character,films(title,year))&id=eq.1") == [
        {"roles": [{"character": "Thomas Wake", "films": {"title": "The Lighthouse", "year": 2019}}]}]


def test_embedded_filters(docs):
    lighthouse = docs.get("films?select=*,actors(*)&actors.order=last_name,first_name&id=eq.4")[0]
    assert [actor["last_name"] for actor in lighthouse["actors"]] == ["Dafoe", "Pattinson"]
    rows = docs.get("films?select=*,roles(*)&roles.character=in.(Chico,Harpo,Groucho)")
    assert len(rows) == 6 and [role["character"] for row in rows for role in row["roles"]] == ["Chico"]
    rows = docs.get("films?select=*,roles(*)&roles.or=(character.eq.Gummo,character.eq.Chico)")
    assert [role["character"] for row in rows for role in row["roles"]] == ["Chico"]
    assert len(docs.get("films?select=*,actors(*)&actors.order=id&actors.limit=10&actors.offset=1&id=eq.4")[0]["actors"]) == 1
    rows = docs.get("films?select=title,90_comps:competitions(name),91_comps:competitions(name)&90_comps.year=eq.1990&91_comps.year=eq.1991&id=eq.5")
    assert rows == [{"title": "Pulp Fiction", "90_comps": [{"name": "Cannes"}], "91_comps": [{"name": "Berlin"}]}]
    rows = docs.get("films?select=*,roles(*,actors(*))&roles.actors.order=last_name&roles.actors.first_name=like.*Tom*&id=eq.5")
    assert sorted(role["actors"]["first_name"] if role["actors"] else "" for role in rows[0]["roles"]) == ["", "Tom"]


def test_top_level_filtering(docs):
    rows = docs.get("films?select=title,actors(first_name,last_name)&actors.first_name=eq.Jehanne")
    assert len(rows) == 6 and sum(len(row["actors"]) for row in rows) == 1
    castle = [{"title": "The Haunted Castle", "actors": [{"first_name": "Jehanne", "last_name": "d'Alcy"}]}]
    assert docs.get("films?select=title,actors!inner(first_name,last_name)&actors.first_name=eq.Jehanne") == castle
    assert docs.get("films?select=title,actors(first_name,last_name)&actors.first_name=eq.Jehanne&actors=not.is.null") == castle
    assert docs.get("films?select=title,actors()&actors.first_name=eq.Jehanne&actors=not.is.null") == [{"title": "The Haunted Castle"}]
    assert by_title(docs.get("films?select=title,nominations()&nominations=is.null")).keys() == {
        WORKERS, "The Dickson Experimental Sound Film", "The Haunted Castle", "Stagecoach"}
    assert "Pulp Fiction" in by_title(docs.get("films?select=title,actors(*),directors(*)&or=(actors.is.null,directors.is.null)"))
    either = docs.get("films?select=title,actors(),directors()&directors.first_name=eq.John&actors.first_name=eq.John&or=(directors.not.is.null,actors.not.is.null)")
    assert by_title(either).keys() == {"Pulp Fiction", "Stagecoach"}


def test_top_level_ordering(docs):
    rows = docs.get("films?select=title,directors(last_name)&order=directors(last_name).desc&director_id=not.is.null")
    assert [row["directors"]["last_name"] for row in rows] == ["Méliès", "Lumière", "Ford", "Eggers", "Dickson"]


def test_spread(docs):
    assert docs.get("films?select=title,...directors(director_last_name:last_name)&title=like.*Workers*") == [
        {"title": WORKERS, "director_last_name": "Lumière"}]
    assert docs.get("films?select=title,actors:roles(character,...actors(first_name,last_name))&title=like.*Lighthouse*&actors.character=like.*Wake") == [
        {"title": "The Lighthouse", "actors": [{"character": "Thomas Wake", "first_name": "Willem", "last_name": "Dafoe"}]}]
    assert docs.get("directors?select=first_name,...films(titles:title,years:year)&id=eq.4") == [
        {"first_name": "Robert", "titles": ["The Lighthouse"], "years": [2019]}]


# Aggregate functions: https://docs.postgrest.org/en/stable/references/api/aggregate_functions.html


@pytest.mark.parametrize(("query", "expected"), [
    ("orders?select=amount.sum()", [{"sum": 1220.95}]),
    ("orders?select=amount.sum(),amount.max(),order_date&order=order_date",
     [{"sum": 215.22, "max": 215.22, "order_date": "2023-09-01"}, {"sum": 1005.73, "max": 905.73, "order_date": "2023-09-02"}]),
    ("orders?select=count(),order_date&order=order_date", [{"count": 1, "order_date": "2023-09-01"}, {"count": 2, "order_date": "2023-09-02"}]),
    ("people?select=all:count(),students:student.count()", [{"all": 5, "students": 4}]),
    ("orders?select=order_details->tax_amount::numeric.sum()", [{"sum": 35.5}]),
    ("orders?select=amount.avg()::int", [{"avg": 407}]),
    ("orders?select=amount.sum(),addresses!billing(name)&order=sum", None),
    ("addresses?select=name,orders!billing(amount.sum(),order_date)&id=eq.2", [{"name": "30 Glenlake Dr.", "orders": [{"sum": 100, "order_date": "2023-09-02"}]}]),
    ("orders?select=amount.sum(),...addresses!billing(city,state)&id=eq.3", [{"sum": 100, "city": "Detroit", "state": "MI"}]),
    ("orders?select=order_date,...addresses!billing(city.max(),first:city.min())&order=order_date",
     [{"order_date": "2023-09-01", "max": "Dearborn", "first": "Dearborn"}, {"order_date": "2023-09-02", "max": "Detroit", "first": "Dearborn"}]),
])
def test_aggregates(docs, query, expected):
    if expected is None:
        # Not ordered by what is computed: not in PostgREST either.
        query = query.removesuffix("&order=sum")
        rows = docs.get(query)
        assert {row["addresses"]["name"]: row["sum"] for row in rows} == {"32 Glenlake Dr.": 1120.95, "30 Glenlake Dr.": 100}
    else:
        assert docs.get(query) == expected


# Functions: https://docs.postgrest.org/en/stable/references/api/functions.html


@pytest.mark.parametrize(("method", "path", "body", "expected"), [
    ("POST", "add_them", {"a": 1, "b": 2}, 3),
    ("GET", "add_them?a=1&b=2", None, 3),
    ("POST", "someFunc", {"someParam": "x"}, "x"),
    ("POST", "mult_them", {"x": 4, "y": 2}, 8),
    ("POST", "plus_one", {"arr": [1, 2, 3, 4]}, [2, 3, 4, 5]),
    ("GET", "plus_one?arr=%7B1,2,3,4%7D", None, [2, 3, 4, 5]),
    ("POST", "plus_two", {"v": [1, 2, 3, 4]}, [3, 4, 5, 6]),
    ("GET", "plus_two?v=1&v=2&v=3&v=4", None, [3, 4, 5, 6]),
    ("GET", "rental_duration?customer_id=232", None, 232),
    ("GET", "rental_duration?customer_id=232&from_date=2018-07-01", None, "232 since 2018-07-01"),
    ("GET", "best_films?since=1990&select=title,director:directors(last_name)&order=title", None,
     [{"title": "Pulp Fiction", "director": None}, {"title": "The Lighthouse", "director": {"last_name": "Eggers"}}]),
    ("GET", "best_films?since=1900&rating=gt.7.5&order=title.desc&select=title", None, [{"title": "Stagecoach"}, {"title": "Pulp Fiction"}]),
])
def test_functions(docs, method, path, body, expected):
    assert docs.send(method, f"rpc/{path}", json=body).json() == expected


def test_function_arguments_from_a_form(docs):
    assert docs.send("POST", "rpc/plus_two", data="v=1&v=2", headers={"Content-Type": "application/x-www-form-urlencoded"}).json() == [3, 4]


def test_function_with_an_array_of_objects(docs):
    docs.send("POST", "rpc/update_data", 204, json={"p_json": [{"data_text": "one", "data_int": "4"}, {"data_text": "two", "data_int": "5"}]})
    assert docs.get("people?select=category&id=in.(4,5)&order=id") == [{"category": "one"}, {"category": "two"}]


def test_function_with_one_unnamed_parameter(docs):
    image = bytes(range(256))
    docs.send("POST", "rpc/upload_binary", 204, data=image, headers={"Content-Type": "application/octet-stream"})
    answer = docs.send("GET", "rpc/newest_file", headers={"Accept": "application/octet-stream"})
    assert answer.content == image and answer.headers["Content-Type"] == "application/octet-stream"
    text = docs.send("POST", "rpc/echo_text", data="a, b", headers={"Content-Type": "text/plain", "Accept": "text/plain"})
    assert text.text == "a, b" and text.headers["Content-Type"].startswith("text/plain")


def test_unknown_and_writing_functions(docs):
    unknown = docs.get("rpc/add_them?a=1", 404)
    assert unknown["code"] == "PGRST202" and unknown["hint"] == "Perhaps you meant to call the function docs.add_them(a, b)"
    assert docs.send("GET", "rpc/update_data?p_json=[]", 405).json()["code"] == "25006"
    assert docs.send("OPTIONS", "rpc/add_them").headers["Allow"] == "OPTIONS,GET,HEAD,POST"
    assert docs.send("OPTIONS", "rpc/update_data").headers["Allow"] == "OPTIONS,POST"


# Errors and transactions


def test_raised_errors(docs):
    assert docs.send("POST", "rpc/just_fail", 400).json() == {
        "code": "P0001", "message": "I refuse!", "details": "Pretty simple", "hint": "There is nothing you can do."}
    assert docs.send("POST", "rpc/payment_required", 402).json() == {
        "code": "PT402", "message": "Payment Required", "details": "Quota exceeded", "hint": "Upgrade your plan"}
    own = docs.send("POST", "rpc/nerd_rage", 402)
    assert own.headers["X-Powered-By"] == "Nerd Rage"
    assert own.json() == {"code": "123", "message": "Payment Required", "details": "Quota exceeded", "hint": "Upgrade your plan"}


def test_response_headers_and_status(docs):
    answer = docs.send("POST", "rpc/teapot", 418)
    assert answer.json()["message"] == "The requested entity body is short and stout."
    assert answer.headers["Cache-Control"] == "public, max-age=259200"


def test_request_headers_in_a_function(docs):
    assert docs.send("GET", "rpc/user_agent", headers={"User-Agent": "curl/8"}).json() == "curl/8"


@pytest.mark.parametrize(("path", "status", "code"), [
    ("people?select=nothing", 400, "42703"), ("people?age=eq.x", 400, "22P02"), ("people?age=xx.1", 400, "PGRST100"), ("persons", 404, "PGRST205"),
    ("films?select=title,actor(*)", 400, "PGRST200"), ("films?select=title&actors.order=id", 400, "PGRST108"), ("films?order=actors(id)", 400, "PGRST108"),
    ("films?select=title,actors(id)&order=actors(id)", 400, "PGRST118"), ("a/b/c", 404, "PGRST125"),
])
def test_errors(docs, path, status, code):
    assert docs.get(path, status)["code"] == code


# Preferences, media types, schemas


def test_preferences(docs):
    refused = docs.get("people", 400, Prefer="handling=strict, foo, bar")
    assert refused["code"] == "PGRST122" and refused["details"] == "Invalid preferences: foo, bar"
    docs.get("people", Prefer="handling=lenient, foo, bar")
    angeles = docs.send("GET", "timestamps?order=t", headers={"Prefer": "timezone=America/Los_Angeles"})
    assert angeles.json()[0] == {"t": "2023-10-18T05:37:59.611-07:00"}
    assert angeles.headers["Preference-Applied"] == "timezone=America/Los_Angeles"
    unknown = docs.send("GET", "timestamps?order=t", headers={"Prefer": "timezone=Jupiter/Red_Spot"})
    assert unknown.json()[0] == {"t": "2023-10-18T12:37:59.611+00:00"} and "Preference-Applied" not in unknown.headers
    docs.get("timestamps", 400, Prefer="handling=strict, timezone=Jupiter/Red_Spot")
    too_many = docs.send("PATCH", "people?id=lt.4", 400, json={"category": "x"}, headers={"Prefer": "handling=strict, max-affected=2"})
    assert too_many.json()["code"] == "PGRST124"
    assert docs.get("people?category=eq.x") == []


def test_singular_stripped_and_csv(docs):
    assert docs.get("people?select=id,age&id=eq.1", Accept="application/vnd.pgrst.object+json") == {"id": 1, "age": 30}
    assert docs.get("people?select=id", 406, Accept="application/vnd.pgrst.object+json")["code"] == "PGRST116"
    assert docs.get("people?select=id,age&id=eq.5", Accept="application/vnd.pgrst.array+json;nulls=stripped") == [{"id": 5}]
    table = docs.send("GET", "people?select=id,first_name,age&order=id.desc&limit=2", headers={"Accept": "text/csv"})
    assert table.text == "id,first_name,age\n5,Max,\n4,Ann,11" and table.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert docs.get("people", 406, Accept="application/geo+json")["code"] == "PGRST107"


def test_schemas(docs):
    answer = docs.send("GET", "currencies?select=code&limit=1", headers={"Accept-Profile": "api"})
    assert answer.headers["Content-Profile"] == "api" and len(answer.json()) == 1
    docs.get("currencies", 404)
    unknown = docs.get("people", 406, Accept_Profile="private")
    assert unknown["code"] == "PGRST106" and unknown["hint"] == "Only the following schemas are exposed: docs, api"
    docs.send("POST", "tags", 201, json={"name": "documented"}, headers={"Content-Profile": "api"})
    docs.send("DELETE", "tags?name=eq.documented", 204, headers={"Content-Profile": "api"})


# Cross-origin requests: https://docs.postgrest.org/en/stable/references/api/cors.html


def test_browser_apps_of_other_origins(docs):
    origin = {"Origin": "https://app.example"}
    asked = origin | {"Access-Control-Request-Method": "PATCH", "Access-Control-Request-Headers": "authorization,prefer,x-client-info"}
    preflight = docs.site.api("OPTIONS", "people", headers=asked)
    assert preflight.status_code == 204 and preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "PATCH" in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Allow-Headers"] == "authorization,prefer,x-client-info"
    answer = docs.send("GET", "people?limit=1", headers=origin)
    assert answer.headers["Access-Control-Allow-Origin"] == "*" and "Content-Range" in answer.headers["Access-Control-Expose-Headers"]
    refused = docs.site.api("GET", "people", headers=origin)
    assert refused.status_code == 401 and refused.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Origin" not in docs.send("GET", "people?limit=1").headers
