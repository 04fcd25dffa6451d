// The page: asks, shows answers with their passages, and keeps the documents.
// Whatever documents, models and people wrote is set as text; nothing here makes markup of a text.
import { texts } from "./texts.js";

const $ = (id) => document.getElementById(id);
const MOST_PER_PAGE = 200;
const BOLD = /\*\*(?=\S)((?:(?!\n\n).)+?)(?<=\S)\*\*/s;

/** Makes an element; a property that starts with "on" is a listener, the others are attributes. */
function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== false) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

function announce(text) {
  $("status").textContent = text;
}

// ---- The API

class Problem extends Error {
  constructor(detail, requestId) {
    super(detail);
    this.requestId = requestId;
  }

  static of(status, body) {
    try {
      const { detail, errors, request_id } = JSON.parse(body);
      const reasons = (errors ?? []).map((error) => error.msg);
      return new Problem(reasons.join("; ") || detail, request_id);
    } catch {
      return new Problem(texts.unreadable(status));
    }
  }
}

let key = sessionStorage.getItem("key") ?? "";
let asking = null;

/** Asks for another key than the one that was refused; says whether there is one now. */
function renewKey(refused, text = refused ? texts.keyWrong : texts.keyNeeded) {
  if (key !== refused) return true;
  asking ??= openDialog("key", text).then((given) => {
    asking = null;
    if (!given) return false;
    key = $("key-field").value.trim();
    sessionStorage.setItem("key", key);
    return true;
  });
  return asking;
}

/** Opens a dialog; says whether it was confirmed. */
function openDialog(name, text) {
  const dialog = $(`${name}-dialog`);
  $(`${name}-text`).textContent = text;
  dialog.returnValue = "";
  dialog.querySelector("form").reset();
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

async function withKey(send) {
  for (;;) {
    const used = key;
    const response = await send(used ? { Authorization: `Bearer ${used}` } : {});
    if (response.status === 401) {
      $("key").hidden = false;
      if (await renewKey(used)) continue;
    }
    if (response.status < 200 || response.status > 299) {
      throw Problem.of(response.status, await response.text());
    }
    if (used) $("key").hidden = false;
    return response;
  }
}

function call(path, { headers = {}, ...options } = {}) {
  return withKey(async (authorization) => {
    try {
      return await fetch(path, { ...options, headers: { ...headers, ...authorization } });
    } catch (error) {
      throw error.name === "AbortError" ? error : new Problem(texts.unreachable);
    }
  });
}

function post(path, body, options = {}) {
  const headers = { "Content-Type": "application/json" };
  return call(path, { method: "POST", headers, body: JSON.stringify(body), ...options });
}

/** Sends a file; `progress` is called with a number from 0 to 1, for fetch() has no such event. */
function upload(file, progress) {
  return withKey((authorization) => new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const form = new FormData();
    form.append("file", file, file.name);
    request.open("POST", "v1/documents");
    for (const [name, value] of Object.entries(authorization)) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onload = () => resolve({ status: request.status, text: () => request.responseText });
    request.onerror = () => reject(new Problem(texts.unreachable));
    request.send(form);
  }));
}

/** Yields the server-sent events of a response as [name, data]. */
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read().catch(() => ({ done: true }));
    if (done) return;
    const blocks = (text + value).split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
      if (fields.event) yield [fields.event, JSON.parse(fields.data)];
    }
  }
}

// ---- Passages

/** Returns the parts of an answer: texts, and lists of the numbers that are cited after them. */
function parts(answer, citations) {
  return answer.split(/ ?\[(\d{1,4}(?:, ?\d{1,4})*)\]/).map((part, i) => {
    if (i % 2 === 0) return part;
    const numbers = part.split(/, ?/).map(Number);
    return numbers.every((number) => citations[number - 1]) ? numbers : ` [${part}]`;
  });
}

/** Returns what an answer quotes of a passage as [start, end]; the API counts code points. */
function ranges({ text, quotes = [] }) {
  const points = [...text];
  const at = (offset) => points.slice(0, offset).join("").length;
  return quotes.map(({ start, end }) => [at(start), at(end)]);
}

function passage(found, number) {
  const { document: name, text } = found;
  const quoted = ranges(found);
  const place = texts.place(found);
  const body = make("blockquote");
  let from = 0;
  for (const [start, end] of quoted) {
    if (end <= from) continue;
    body.append(text.slice(from, Math.max(from, start)));
    body.append(make("mark", {}, text.slice(Math.max(from, start), end)));
    from = end;
  }
  body.append(text.slice(from));
  const [start] = quoted[0] ?? [0];
  return make("li", {}, make("details", { class: "source" },
    make("summary", {},
      make("span", { class: "number", "aria-hidden": "true" }, number),
      make("span", { class: "what" },
        make("b", {}, name), place ? make("span", { class: "page" }, place) : "",
        make("span", { class: "start" }, text.slice(start, start + 200))),
      icon("open")),
    body));
}

// ---- Questions and answers

const MOST_MESSAGES = 20;
const LONGEST_MESSAGE = 4000;

let turns = 0;
let running = null;
let conversation = [];

/** Keeps what was said, for the next question to refer to; the service keeps nothing. */
function remember(question, answer) {
  const said = [["user", question], ["assistant", answer]];
  conversation.push(...said.map(([role, content]) => ({ role, content: content.slice(0, LONGEST_MESSAGE) })));
  conversation = conversation.slice(-MOST_MESSAGES);
  $("fresh").hidden = false;
  $("question").placeholder = texts.followUp;
}

function startAnew() {
  running?.abort();
  conversation = [];
  $("turns").replaceChildren();
  $("fresh").hidden = true;
  $("question").placeholder = texts.placeholder;
  document.body.classList.remove("asked");
  $("question").focus();
}

function addTurn(question) {
  const id = `turn-${++turns}`;
  const answer = make("div", { class: "answer" }, make("p", { class: "waiting" }, texts.answering));
  const article = make("article", { "aria-labelledby": id, "aria-busy": "true" },
    make("h2", { id }, question), answer);
  document.body.classList.add("asked");
  $("turns").append(article);
  article.scrollIntoView({ block: "start" });
  return { article, answer };
}

function showAnswer({ article, answer }, question, reply) {
  const { answer: text, citations, finish_reason: reason } = reply;
  const sources = citations.map((citation, i) => passage(citation, i + 1));
  const open = (number) => {
    const details = sources[number - 1].firstChild;
    details.open = true;
    details.firstChild.focus({ preventScroll: true });
    details.scrollIntoView({ block: "nearest" });
  };
  const cite = (number) => make("button", {
    class: "cite", type: "button", onclick: () => open(number),
    "aria-label": texts.source(number, citations[number - 1].document),
  }, number);
  answer.replaceChildren();
  for (const part of parts(text, citations)) {
    if (typeof part !== "string") answer.lastChild.append(...part.map(cite));
    else {
      const [, before, word] = part.match(/^(.*?)([^\s*]{0,24})$/s); // which no citation is torn from
      before.split(BOLD).forEach((text, i) => answer.append(i % 2 ? make("b", {}, text) : text));
      answer.append(make("span", { class: "together" }, word));
    }
  }
  const notes = (reply.unsupported ?? []).map(texts.unsupported);
  if (reply.question && reply.question !== question) notes.unshift(texts.understood(reply.question));
  article.append(...notes.map((note) => make("p", { class: "note" }, note)));
  if (reason === "length") article.append(make("p", { class: "note" }, texts.cutShort));
  if (sources.length) article.append(section(texts.sources, sources));
  const near = (reply.nearest ?? []).map((each, i) => passage(each, i + 1));
  if (near.length) article.append(section(texts.nearest, near));
  article.append(feedback(question, reply));
}

/** Makes the thumbs below an answer; after one of them there is room for a comment. */
function feedback(question, { answer, citations, request_id: id }) {
  const documents = [...new Set(citations.map(({ document: name }) => name))];
  const state = make("small", { role: "status" });
  const comment = make("input", { maxlength: 2000, placeholder: texts.comment, "aria-label": texts.comment });
  const form = make("form", { hidden: "" }, comment, make("button", { class: "quiet" }, texts.sendComment));
  const press = (helpful) =>
    thumbs.forEach((thumb, i) => thumb.setAttribute("aria-pressed", helpful === !i));
  const give = async (helpful, commented) => {
    const body = { answer_id: id, question, answer, documents, helpful, comment: comment.value.trim() };
    press(helpful);
    try {
      await post("v1/feedback", body);
      form.hidden = commented;
      state.textContent = texts.thanks;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      press(null);
      state.textContent = error.message;
    }
  };
  const thumbs = [[true, "up", texts.helpful], [false, "down", texts.unhelpful]].map(
    ([helpful, name, title]) => make("button", {
      class: "icon", type: "button", "aria-pressed": "false", "aria-label": title, title,
      onclick: () => give(helpful, false),
    }, icon(name)));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    give(thumbs[0].getAttribute("aria-pressed") === "true", true);
  });
  return make("div", { class: "feedback" }, ...thumbs, form, state);
}

function section(title, passages) {
  return make("section", {}, make("h3", {}, title), make("ol", {}, ...passages));
}

function showFailure({ article, answer }, question, error) {
  answer.querySelector(".waiting")?.remove();
  answer.classList.add("incomplete");
  const stopped = error.name === "AbortError";
  const message = stopped ? texts.stopped : error.message;
  const reference = error.requestId ? make("small", {}, texts.reference(error.requestId)) : "";
  article.append(make("div", { class: stopped ? "note" : "note error", role: "alert" },
    make("p", {}, message, reference),
    make("button", { class: "quiet", type: "button", onclick: () => ask(question) }, texts.again)));
}

async function receive(question, turn, signal) {
  const streaming = document.documentElement.dataset.streaming === "true";
  const response = await post("v1/answer", { question, messages: conversation, stream: streaming }, { signal });
  if (!streaming) return response.json();
  let text = "";
  for await (const [name, data] of events(response)) {
    if (name === "done") return data;
    if (name === "error") throw new Problem(data.detail, data.request_id);
    if (name === "token" && (text += data.text)) turn.answer.textContent = text.replaceAll("**", "");
  }
  signal.throwIfAborted();
  throw new Problem(texts.cutOff, response.headers.get("X-Request-ID"));
}

async function ask(question) {
  running?.abort();
  running = new AbortController();
  const { signal } = running;
  const turn = addTurn(question);
  setBusy(true);
  announce(texts.answering);
  try {
    const answer = await receive(question, turn, signal);
    showAnswer(turn, question, answer);
    remember(question, answer.answer);
    announce(texts.ready(answer.answer, answer.citations.length));
  } catch (error) {
    const known = error instanceof Problem || error.name === "AbortError";
    showFailure(turn, question, known ? error : new Problem(texts.cutOff));
    if (!known) throw error;
  } finally {
    turn.article.setAttribute("aria-busy", "false");
    if (running.signal === signal) setBusy(false);
  }
}

function setBusy(busy) {
  $("send").hidden = busy;
  $("stop").hidden = !busy;
}

$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = $("question").value.trim();
  if (!question) return;
  $("question").value = "";
  ask(question);
});
$("question").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if ($("stop").hidden) $("ask").requestSubmit();
});
$("fresh").addEventListener("click", startAnew);
$("stop").addEventListener("click", () => {
  running.abort();
  $("question").focus();
});

// ---- Documents

let listed = 0;
let next = "";

async function list(after = "") {
  const query = new URLSearchParams({ limit: MOST_PER_PAGE, after });
  const page = await (await call(`v1/documents?${query}`)).json();
  const rows = page.documents.map(documentRow);
  if (after) $("list").append(...rows);
  else $("list").replaceChildren(...rows);
  next = page.next ?? "";
  showCount((after ? listed : 0) + rows.length);
}

function showCount(count) {
  listed = count;
  $("count").textContent = next ? `${count}+` : count;
  $("none").hidden = count > 0;
  $("more").hidden = !next;
}

function documentRow({ document: name, chunks }) {
  const slash = name.lastIndexOf("/") + 1;
  const button = make("button", {
    class: "icon", type: "button", "aria-label": texts.removeOne(name), title: texts.remove,
    onclick: () => report(remove(name, row)),
  }, icon("bin"));
  const row = make("li", {}, make("span", { class: "file", title: name },
    make("b", {}, name.slice(slash)),
    make("small", {}, `${slash ? `${name.slice(0, slash - 1)} · ` : ""}${texts.passages(chunks)}`)), button);
  return row;
}

async function remove(name, row) {
  if (!(await openDialog("remove", texts.removeText(name)))) return;
  await call(`v1/documents/${name.split("/").map(encodeURIComponent).join("/")}`, { method: "DELETE" });
  row.remove();
  showCount(listed - 1);
  announce(texts.removed(name));
}

async function add(file) {
  const bar = make("progress", { max: 1, "aria-label": file.name });
  const state = make("small", {}, texts.uploading(0));
  const row = make("li", {}, make("span", { class: "file" }, make("b", {}, file.name), state, bar));
  $("uploads").append(row);
  try {
    await upload(file, (share) => {
      state.textContent = share < 1 ? texts.uploading(Math.round(share * 100)) : texts.reading;
      if (share < 1) bar.value = share;
      else bar.removeAttribute("value");
    });
    row.remove();
    announce(texts.uploaded(file.name));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    bar.remove();
    const reason = error.message.replace(`${file.name}: `, "");
    state.textContent = reason;
    row.classList.add("failed");
    const label = texts.dismiss(file.name);
    row.append(make("button", {
      class: "icon", type: "button", "aria-label": label, onclick: () => row.remove(),
    }, icon("close")));
    announce(texts.uploadFailed(file.name, reason));
  }
}

let queue = Promise.resolve();

/** Uploads one file after the other: the reason of each failure is its own. */
function addAll(files) {
  for (const file of files) queue = queue.then(() => add(file));
  queue = queue.then(() => report(list()));
}

/** Lets a failure of the documents be seen where they are listed. */
async function report(work) {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const row = make("li", { class: "failed", role: "alert" }, error.message);
    $("uploads").append(row);
    setTimeout(() => row.remove(), 10_000);
  }
}

$("files").addEventListener("change", ({ target }) => {
  addAll([...target.files]);
  target.value = "";
});
for (const name of ["dragover", "dragleave", "drop"]) {
  $("documents").addEventListener(name, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", name === "dragover");
    if (name === "drop") addAll([...event.dataTransfer.files]);
  });
}
$("more").addEventListener("click", () => report(list(next)));
$("toggle").addEventListener("click", () => {
  const shown = document.body.classList.toggle("documents");
  $("toggle").setAttribute("aria-expanded", shown);
});
$("key").addEventListener("click", async () => {
  if (await renewKey(key, texts.keyNeeded)) report(list());
});
for (const button of document.querySelectorAll("[data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}

for (const each of document.querySelectorAll("[data-text]")) each.textContent = texts[each.dataset.text];
for (const [name, attribute] of [["label", "aria-label"], ["placeholder", "placeholder"]]) {
  for (const each of document.querySelectorAll(`[data-${name}]`)) {
    each.setAttribute(attribute, texts[each.dataset[name]]);
  }
}
$("question").focus();
report(list());
