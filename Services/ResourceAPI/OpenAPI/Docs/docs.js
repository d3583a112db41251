"use strict";

// Shows the OpenAPI document of a token. Everything from the document becomes text, never markup.

const form = document.getElementById("form");
const field = document.getElementById("token");
const status = document.getElementById("status");
const main = document.getElementById("document");
const contents = document.getElementById("contents");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = field.value.trim();
  field.value = "";
  main.replaceChildren();
  contents.hidden = true;
  status.textContent = "Loading…";
  try {
    const answer = await fetch(document.body.dataset.api, {
      headers: { Authorization: `Bearer ${token}`, Accept: "application/openapi+json" },
      cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer",
    });
    const json = await answer.json();
    if (!answer.ok) throw new Error(json.message || `The server answered ${answer.status}.`);
    show(json);
    status.textContent = `${Object.keys(json.paths).length} paths.`;
    main.focus();
  } catch (error) {
    status.textContent = error instanceof TypeError || error instanceof SyntaxError ? "The document could not be loaded." : error.message;
    field.focus();
  }
});

function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

function show(api) {
  const resolve = (object) => {
    for (let step = 0; object && object.$ref && step < 8; step += 1) {
      object = object.$ref.slice(2).split("/").reduce((value, key) => (value ? value[key] : undefined), api);
    }
    return object || {};
  };
  document.getElementById("title").textContent = api.info.title;
  document.title = api.info.title;
  const server = api.servers[0].url;
  main.append(make("p", {}, api.info.description), make("p", {}, "Base URL: ", make("code", {}, server)));

  const list = make("ul");
  api.tags.forEach((tag, index) => {
    const id = `tag-${index}`;
    list.append(make("li", {}, make("a", { href: `#${id}` }, tag.name)));
    const section = make("section", { "aria-labelledby": id }, make("h2", { id }, tag.name));
    if (tag.description) section.append(make("p", {}, tag.description));
    const columns = resolve({ $ref: `#/components/schemas/${rowOf(api, tag.name)}` });
    if (columns.properties) section.append(properties("Columns", columns));
    for (const [path, item] of Object.entries(api.paths)) {
      for (const [method, operation] of Object.entries(item)) {
        if (operation.tags[0] === tag.name) section.append(operationOf(method, path, operation, server, resolve));
      }
    }
    main.append(section);
  });
  contents.replaceChildren(make("h2", {}, "Contents"), list);
  contents.hidden = api.tags.length === 0;
}

// The schema of the rows that a table's GET gives.
function rowOf(api, name) {
  for (const item of Object.values(api.paths)) {
    const get = item.get;
    const content = get && get.tags[0] === name && get.responses["200"] && get.responses["200"].content;
    const schema = content && content["application/json"].schema;
    if (schema && schema.items && schema.items.$ref) return schema.items.$ref.split("/").pop();
  }
  return "";
}

function operationOf(method, path, operation, server, resolve) {
  const body = make("div");
  const scopes = operation.security.flatMap((each) => Object.values(each).flat());
  body.append(make("p", {}, "Scope: ", make("code", {}, scopes.join(" "))));
  if (operation.description) body.append(make("p", {}, operation.description));
  const parameters = (operation.parameters || []).map(resolve);
  if (parameters.length) {
    body.append(table("Parameters", ["Name", "In", "Type", "Description"], parameters.map((parameter) => [
      parameter.name, parameter.in, typeOf(parameter.schema, resolve) + (parameter.required ? ", required" : ""), parameter.description || "",
    ])));
  }
  const content = operation.requestBody ? operation.requestBody.content : {};
  for (const [type, media] of Object.entries(content)) {
    let schema = media.schema;
    if (schema.oneOf) schema = schema.oneOf[0];
    schema = resolve(schema);
    const caption = `Body, ${type}${media.schema.oneOf ? ": one object or an array of them" : ""}`;
    for (const each of schema.anyOf || [schema]) {
      body.append(each.properties ? properties(caption, each) : table(caption, ["Type", "Description"], [[typeOf(each, resolve), each.description || ""]]));
    }
  }
  body.append(table("Answers", ["Status", "Meaning", "Body"], Object.entries(operation.responses).map(([code, response]) => {
    const full = resolve(response);
    return [code, full.description, Object.entries(full.content || {}).map(([type, media]) => `${type}: ${typeOf(media.schema, resolve)}`).join("\n")];
  })));
  const line = `curl -X ${method.toUpperCase()} -H "Authorization: Bearer $TOKEN" "${server}${path}"`;
  body.append(make("p", {}, make("code", {}, line)));
  return make("details", {}, make("summary", {}, make("span", { class: "method" }, method.toUpperCase()), make("code", {}, path), ` ${operation.summary}`), body);
}

function properties(caption, schema) {
  const required = new Set(schema.required || []);
  return table(caption, ["Name", "Type", "Description"], Object.entries(schema.properties).map(([name, property]) => [
    name, typeOf(property, (each) => each) + (required.has(name) ? ", required" : "") + (property.readOnly ? ", read-only" : ""),
    [property.description, "default" in property ? `Default: ${JSON.stringify(property.default)}` : ""].filter(Boolean).join("\n"),
  ]));
}

function typeOf(schema, resolve) {
  if (!schema) return "any";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf || schema.oneOf) return (schema.anyOf || schema.oneOf).map((each) => typeOf(each, resolve)).join(" or ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  const type = [].concat(schema.type || "any").join(" or ");
  const items = schema.items ? ` of ${typeOf(schema.items, resolve)}` : "";
  return type + items + (schema.format ? ` (${schema.format})` : "") + (schema.maxLength ? `, at most ${schema.maxLength} characters` : "");
}

function table(caption, names, rows) {
  const head = make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name)));
  const body = rows.map((cells) => make("tr", {}, ...cells.map((cell, index) => (index === 0 ? make("th", { scope: "row" }, make("code", {}, cell)) : make("td", {}, cell)))));
  return make("table", {}, make("caption", {}, caption), make("thead", {}, head), make("tbody", {}, ...body));
}
