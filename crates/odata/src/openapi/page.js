"use strict";
// Whatever comes from the document or the service becomes text, never markup.
(() => {
  const byId = (id) => document.getElementById(id);
  const METHODS = ["get", "post", "put", "patch", "delete", "head", "options"];
  const SHOWN = 200000;
  let spec = {};

  function el(tag, attributes, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value === true) node.setAttribute(name, "");
      else if (value !== false && value !== undefined) node.setAttribute(name, value);
    }
    for (const child of children.flat(2)) if (child !== undefined && child !== "") node.append(child);
    return node;
  }

  // Text with what stands between backticks as code.
  const prose = (text) => (text || "").split("`").map((part, i) => (i % 2 ? el("code", {}, part) : part));

  function deref(node) {
    for (let hops = 0; node && typeof node.$ref === "string" && hops < 16; hops += 1) {
      const steps = node.$ref.replace(/^#\//, "").split("/");
      node = steps.reduce((at, step) => (at || {})[step.replace(/~1/g, "/").replace(/~0/g, "~")], spec);
    }
    return node || {};
  }

  // Schemas

  const refName = (schema) => (schema.$ref ? schema.$ref.split("/").pop() : undefined);
  const withoutNull = (schema) => (schema.anyOf || []).find((part) => part.type !== "null") || schema;

  function typeText(schema) {
    if (schema.anyOf || schema.oneOf) return (schema.anyOf || schema.oneOf).map(typeText).join(" or ");
    if (schema.allOf) return typeText(schema.allOf[0]);
    if (schema.$ref) return refName(schema);
    if (schema.type === "array") return `list of ${typeText(schema.items || {})}`;
    const types = [].concat(schema.type || "anything").join(" or ");
    return schema.format ? `${types} (${schema.format})` : types;
  }

  function facts(schema) {
    const found = [];
    if (schema.maxLength !== undefined) found.push(`at most ${schema.maxLength} characters`);
    if (schema.minimum !== undefined) found.push(`from ${schema.minimum}`);
    if (schema.maximum !== undefined) found.push(`up to ${schema.maximum}`);
    if (schema.readOnly) found.push("read only");
    if (deref(schema).enum) found.push(`one of ${deref(schema).enum.join(", ")}`);
    return found.join("; ");
  }

  // The members of an object, behind references, lists and alternatives.
  function members(schema) {
    const one = withoutNull(schema);
    if (one.allOf) {
      const parts = one.allOf.map(members);
      return { properties: Object.assign({}, ...parts.map((p) => p.properties)), required: parts.flatMap((p) => p.required) };
    }
    if (one.type === "array") return members(one.items || {});
    const object = deref(one);
    if (object !== one && (object.allOf || object.anyOf || object.type === "array")) return members(object);
    return { properties: object.properties || {}, required: object.required || [] };
  }

  function schemaTree(schema) {
    const { properties, required } = members(schema);
    const rows = Object.entries(properties).map(([name, member]) => {
      const label = [
        el("code", { class: required.includes(name) ? "must" : "" }, name), " ",
        el("span", { class: "quiet" }, [typeText(member), facts(member)].filter(Boolean).join("; ")),
        " ", prose(member.description),
      ];
      if (Object.keys(members(member).properties).length === 0) return el("div", { class: "row" }, label);
      return lazy(el("details", { class: "row" }, el("summary", {}, label)), () => schemaTree(member));
    });
    return el("div", { class: "schema" }, rows.length ? rows : el("p", { class: "quiet" }, facts(schema) || "No declared members."));
  }

  // Fills a <details> when it is opened, because types refer to each other without end.
  function lazy(details, content) {
    details.addEventListener("toggle", () => {
      if (details.open && details.dataset.filled === undefined) {
        details.dataset.filled = "";
        details.append(content());
      }
    });
    return details;
  }

  function example(schema, depth = 0) {
    const one = withoutNull(schema);
    const plain = one.allOf ? one : deref(one);
    if (plain.enum) return plain.enum[0];
    if (plain.type === "array") return depth < 2 ? [example(plain.items || {}, depth + 1)] : [];
    const { properties } = members(plain);
    const names = Object.keys(properties).filter((name) => !properties[name].readOnly);
    if (names.length) {
      return depth < 3 ? Object.fromEntries(names.map((name) => [name, example(properties[name], depth + 1)])) : {};
    }
    const type = [].concat(plain.type || "object")[0];
    if (plain.format === "date-time") return "2026-01-01T00:00:00Z";
    if (plain.format === "uuid") return "00000000-0000-0000-0000-000000000000";
    return { string: "", integer: 0, number: 0, boolean: false, object: {} }[type];
  }

  // Operations

  function operationNode({ path, method, operation, shared }) {
    const node = el("details", { class: "operation", id: operation.operationId },
      el("summary", {},
        el("span", { class: "method", style: `--colour: var(--${method})` }, method),
        el("span", { class: "path" }, path),
        el("span", { class: "quiet" }, operation.summary || "")));
    return lazy(node, () => {
      const parameters = shared.concat(operation.parameters || []).map(deref);
      const inputs = new Map();
      const inside = el("div", { class: "inside" });
      if (operation.description) inside.append(el("p", { class: "text" }, prose(operation.description)));
      if (parameters.length) inside.append(el("h3", {}, "Parameters"), parameterTable(parameters, inputs));
      const content = Object.entries(deref(operation.requestBody).content || {})[0];
      let body;
      if (content) {
        const [media, { schema = {} }] = content;
        const text = JSON.stringify(example(schema), null, 2);
        body = el("textarea", { "aria-label": "Request body", spellcheck: "false", rows: Math.min(24, text.split("\n").length + 1) });
        body.value = text;
        inside.append(el("h3", {}, `Body (${media})`), body, el("p", { class: "quiet" }, typeText(schema)), schemaTree(schema));
      }
      inside.append(el("h3", {}, "Responses"), responses(operation.responses || {}));
      inside.append(tryForm(path, method, inputs, body, content && content[0]));
      return inside;
    });
  }

  function parameterTable(parameters, inputs) {
    const rows = parameters.map((parameter) => {
      const schema = deref(parameter.schema || {});
      let input = el("input", { autocomplete: "off" });
      const choices = schema.type === "boolean" ? ["true", "false"] : schema.enum;
      if (choices) input = el("select", {}, el("option", { value: "" }, ""), choices.map((name) => el("option", {}, name)));
      input.setAttribute("aria-label", parameter.name);
      inputs.set(parameter, input);
      return el("tr", {},
        el("td", {}, el("code", { class: parameter.required ? "must" : "" }, parameter.name),
          el("div", { class: "quiet" }, `${typeText(parameter.schema || {})}, ${parameter.in}`)),
        el("td", { class: "value" }, input),
        el("td", {}, prose(parameter.description)));
    });
    return el("table", {}, el("tbody", {}, rows));
  }

  function responses(all) {
    const rows = Object.entries(all).map(([status, reference]) => {
      const response = deref(reference);
      const content = Object.entries(response.content || {})[0];
      const cell = el("td", {}, response.description || "");
      if (content) {
        const schema = content[1].schema || {};
        const label = `${content[0]}: ${typeText(schema)}`;
        cell.append(lazy(el("details", {}, el("summary", { class: "quiet" }, label)), () => schemaTree(schema)));
      }
      return el("tr", {}, el("td", {}, el("code", {}, status)), cell);
    });
    return el("table", {}, el("tbody", {}, rows));
  }

  function tryForm(path, method, inputs, body, media) {
    const button = el("button", { class: "primary", type: "submit" }, "Send");
    const state = el("span", { role: "status" });
    const output = el("div");
    const send = async (event) => {
      event.preventDefault();
      output.replaceChildren();
      const missing = [...inputs].find(([parameter, input]) => parameter.required && input.value === "");
      if (missing) {
        state.textContent = `${missing[0].name} is missing.`;
        return missing[1].focus();
      }
      button.disabled = true;
      state.textContent = "Waiting for the answer…";
      const started = performance.now();
      try {
        const { url, headers } = request(path, inputs, media);
        const answer = await fetch(url, { method: method.toUpperCase(), headers, body: body ? body.value : undefined });
        const shown = await answerNode(answer);
        const took = Math.round(performance.now() - started);
        state.textContent = `${answer.status} ${answer.statusText} after ${took} ms`;
        output.replaceChildren(el("p", { class: "quiet" }, `${method.toUpperCase()} ${url}`), shown);
      } catch (error) {
        state.textContent = `The request could not be sent: ${error.message}`;
      }
      button.disabled = false;
    };
    // Enter in a parameter sends, too: the inputs stand outside of the form.
    const id = `try-${method}-${path}`;
    for (const input of inputs.values()) input.setAttribute("form", id);
    return el("form", { id, onsubmit: send, novalidate: true }, el("h3", {}, "Try it"), el("div", { class: "send" }, button, state), output);
  }

  function request(path, inputs, media) {
    const headers = { Accept: "application/json, */*;q=0.1" };
    if (media) headers["Content-Type"] = media;
    if (byId("token").value) headers.Authorization = `Bearer ${byId("token").value.trim()}`;
    const query = [];
    for (const [{ name, in: place }, { value }] of inputs) {
      if (place === "path") {
        // A quote in quoted text is doubled.
        path = path.replace(`'{${name}}'`, () => `'${encodeURIComponent(value.replace(/'/g, "''"))}'`);
        path = path.replace(`{${name}}`, () => encodeURIComponent(value));
      } else if (value !== "" && place === "query") query.push(`${name}=${encodeURIComponent(value)}`);
      else if (value !== "" && place === "header") headers[name] = value;
    }
    const base = new URL(byId("server").value || "/", new URL(document.body.dataset.spec, location.href));
    const url = base.href.replace(/\/$/, "") + path + (query.length ? `?${query.join("&")}` : "");
    return { url, headers };
  }

  async function answerNode(answer) {
    const type = answer.headers.get("content-type") || "";
    if (type && !/json|text|xml/.test(type)) {
      const blob = await answer.blob();
      return el("p", {}, el("a", { href: URL.createObjectURL(blob), download: "answer" }, `Save ${blob.size} bytes of ${type}`));
    }
    let text = await answer.text();
    if (text === "") return el("p", { class: "quiet" }, "No body.");
    try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* Shown as it came. */ }
    return el("pre", { tabindex: "0" }, text.length > SHOWN ? `${text.slice(0, SHOWN)}\n… ${text.length - SHOWN} characters more` : text);
  }

  // The list

  function operations() {
    const found = [];
    for (const [path, item] of Object.entries(spec.paths || {})) {
      for (const method of METHODS.filter((name) => item[name])) {
        const operation = item[method];
        const words = [method, path, operation.operationId, operation.summary, operation.description, ...(operation.tags || [])];
        const entry = { path, method, operation, shared: item.parameters || [], words: words.join(" ").toLowerCase() };
        entry.node = operationNode(entry);
        found.push(entry);
      }
    }
    return found;
  }

  function show() {
    const entries = operations();
    const about = new Map((spec.tags || []).map((tag) => [tag.name, tag.description]));
    const groups = new Map([...about.keys()].map((name) => [name, []]));
    for (const entry of entries) {
      const tag = (entry.operation.tags || ["Other"])[0];
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(entry);
    }
    const sections = [...groups].map(([name, all]) => ({
      all, node: el("section", {}, el("h2", {}, name), about.get(name) ? el("p", { class: "quiet" }, prose(about.get(name))) : "", all.map((e) => e.node)),
    }));
    byId("list").replaceChildren(...sections.map((section) => section.node));
    const filter = () => {
      const words = byId("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const { all, node } of sections) {
        for (const entry of all) entry.node.hidden = !words.every((word) => entry.words.includes(word));
        const visible = all.filter((entry) => !entry.node.hidden).length;
        node.hidden = visible === 0;
        shown += visible;
      }
      const nothing = entries.length ? "No operation matches. Try fewer words." : "The document has no operations.";
      byId("state").textContent = shown ? `${shown} of ${entries.length} operations` : nothing;
    };
    byId("filter").addEventListener("input", filter);
    filter();
    const open = () => {
      const entry = entries.find((one) => `#${encodeURIComponent(one.operation.operationId)}` === location.hash);
      if (entry) { entry.node.open = true; entry.node.scrollIntoView(); }
    };
    addEventListener("hashchange", open);
    open();
  }

  function showHead() {
    const info = spec.info || {};
    byId("about").textContent = [info.version && `Version ${info.version}.`, info.description].filter(Boolean).join(" ");
    const servers = (spec.servers || []).map((server) => server.url);
    byId("server").replaceChildren(...servers.map((url) => el("option", { value: url }, url)));
    byId("server-label").hidden = servers.length < 2;
  }

  async function load() {
    const state = byId("state");
    state.className = "";
    state.textContent = "Loading the document…";
    try {
      const answer = await fetch(document.body.dataset.spec, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`the server answered ${answer.status} ${answer.statusText}`);
      spec = await answer.json();
      showHead();
      show();
    } catch (error) {
      state.className = "failed";
      state.replaceChildren(`The document could not be loaded: ${error.message}. `, el("button", { onclick: load }, "Try again"));
    }
  }

  load();
})();
