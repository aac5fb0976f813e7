// The live board of a desk: a snapshot, then what happens, drawn again at most four times a second.
import { WORDS } from "./words.js";
import { follow, Refused } from "./stream.js";

const FEED_MAX = 60;
const NOTICES_MAX = 50;
const SENT = ["sent", "delivered", "read"];
const $ = (id) => document.getElementById(id);
const state = { conversations: new Map(), agents: new Map(), targets: new Map(), notices: new Map(), feed: [], begun: false };
let language = localStorage.getItem("language") || document.documentElement.lang || "pl";
let dirty = true;

const t = (word) => WORDS[language][word] ?? String(word).replaceAll("_", " ");
const ms = (time) => (time ? Date.parse(time) : null);

function clock(millis) {
  const seconds = Math.max(0, Math.round(millis / 1000));
  const h = Math.floor(seconds / 3600), m = Math.floor((seconds % 3600) / 60), s = seconds % 60;
  if (h >= 48) return `${Math.floor(h / 24)} d`;
  return h ? `${h}:${String(m).padStart(2, "0")} h` : `${m}:${String(s).padStart(2, "0")}`;
}

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null));
  return made;
}

function bar(share) {
  const fill = element("i", "");
  fill.style.width = `${Math.min(100, Math.max(0, share * 100))}%`;
  return element("div", "bar", fill);
}

// What happened

function take(name, data) {
  if (name === "snapshot") return begin(data);
  if (["queued", "offered", "assigned", "resolved", "undelivered"].includes(name)) {
    if (name === "resolved") state.conversations.delete(data.conversation_id);
    else state.conversations.set(data.conversation_id, { ...state.conversations.get(data.conversation_id), ...data });
    if (name === "resolved") for (const [id, target] of state.targets) if (target.conversation_id === data.conversation_id) state.targets.delete(id);
    note(data.nobody ? "e_nobody" : `e_${name}`, name === "undelivered" ? data.undeliverable : name === "queued" ? data.queue : name === "resolved" ? shortly(data.conversation_id) : who(data.agent), data);
  } else if (name === "agent") {
    state.agents.set(data.agent, { ...state.agents.get(data.agent), ...data });
  } else if (name === "target") {
    takeTarget(data);
  } else if (name === "notice") {
    takeNotice(data);
  }
  dirty = true;
}

function begin(data) {
  state.begun = true;
  for (const kind of ["conversations", "agents", "targets", "notices"]) state[kind].clear();
  for (const row of data.conversations ?? []) if (row.state !== "resolved") state.conversations.set(row.conversation_id, row);
  for (const row of data.agents ?? []) state.agents.set(row.agent, row);
  for (const talk of data.conversations ?? []) {
    for (const row of talk.targets ?? []) {
      const warned = row.state === "running" && row.warned_at ? "warned" : row.state;
      if (warned !== "met") state.targets.set(row.id, { ...row, state: warned, target_id: row.id, conversation_id: talk.conversation_id });
    }
  }
  for (const row of [...(data.notices ?? [])].reverse()) state.notices.set(row.id, row);
  dirty = true;
}

function takeTarget(data) {
  const known = { ...state.targets.get(data.target_id), ...data };
  if (["met", "cancelled"].includes(data.state)) state.targets.delete(data.target_id);
  else state.targets.set(data.target_id, known);
  if (["warned", "breached", "met"].includes(data.state)) note(`e_${data.state}`, () => t(known.kind ?? ""), data);
}

function takeNotice(data) {
  state.notices.delete(data.id);
  state.notices.set(data.id, data);
  while (state.notices.size > NOTICES_MAX) state.notices.delete(state.notices.keys().next().value);
  if (data.state === "sent" || data.state === "failed") note("e_notice", () => `${t(data.kind ?? "reply")} · ${data.channel} · ${t(data.state)}`, data);
}

const shortly = (id) => (id ?? "").slice(0, 7);
const who = (agent) => state.agents.get(agent)?.name ?? agent ?? "";

function note(what, rest, data) {
  state.feed.unshift({ at: ms(data.at) ?? Date.now(), what, rest, id: data.conversation_id });
  state.feed.length = Math.min(state.feed.length, FEED_MAX);
}

// What is shown

function draw() {
  if (!state.begun) return; // nothing is known yet: no tile says 0, no list that nobody is there
  const now = Date.now();
  const rows = [...state.conversations.values()];
  const waiting = rows.filter((row) => ["waiting", "offered"].includes(row.state)).sort((a, b) => ms(a.waiting_since) - ms(b.waiting_since));
  const agents = [...state.agents.values()].sort((a, b) => (a.name ?? a.agent).localeCompare(b.name ?? b.agent));
  const targets = [...state.targets.values()].filter((row) => row.due_at && row.state !== "paused").sort((a, b) => ms(a.due_at) - ms(b.due_at));
  drawTiles(now, rows, waiting, agents, targets);
  fill("waiting", waiting.slice(0, 40).map((row) => waitingRow(row, now)));
  fill("agents", agents.map((row) => agentCard(row, now)));
  fill("targets", targets.slice(0, 30).map((row) => targetRow(row, now)));
  fill("notices", [...state.notices.values()].reverse().map(noticeRow));
  fill("feed", state.feed.map(feedRow));
}

function fill(id, children) {
  const box = $(id), top = box.scrollTop;
  box.replaceChildren(...children);
  box.scrollTop = top;
  const empty = $(`${id}-empty`);
  if (empty) empty.hidden = children.length > 0;
}

function drawTiles(now, rows, waiting, agents, targets) {
  const on = agents.filter((row) => row.presence === "online");
  const capacity = on.reduce((sum, row) => sum + (row.of ?? 100), 0);
  const used = on.reduce((sum, row) => sum + (row.used ?? 0), 0);
  const late = targets.filter((row) => row.state === "breached" || ms(row.due_at) < now);
  const risky = targets.filter((row) => row.state === "warned" && !late.includes(row));
  const unasked = waiting.filter((row) => row.state === "waiting");
  $("n-waiting").textContent = unasked.length;
  $("n-oldest").textContent = unasked.length ? `${t("oldest")} ${clock(now - ms(unasked[0].waiting_since))}` : "";
  $("n-ringing").textContent = rows.filter((row) => row.state === "offered").length;
  $("n-owned").textContent = rows.filter((row) => row.state === "owned").length;
  $("n-agents").textContent = on.length;
  $("n-load").textContent = capacity ? `${t("load")} ${Math.round((100 * used) / capacity)}%` : "";
  $("n-risk").textContent = risky.length;
  $("n-broken").textContent = late.length ? `${t("broken")}: ${late.length}` : "";
  $("n-notices").textContent = [...state.notices.values()].filter((row) => SENT.includes(row.state)).length;
}

function waitingRow(row, now) {
  const since = ms(row.waiting_since), due = ms(row.due_at);
  const made = element("div", "row",
    element("span", `tag ${row.state === "offered" ? "amber" : "blue"}`, row.channel ?? ""),
    element("span", "what", row.queue ?? "", " ", element("span", "sub", [(row.language ?? "").toUpperCase(), `${t("priority")} ${row.priority}`, row.human_only ? t("human_only") : "", row.nobody ? t("nobody") : "", row.undeliverable ? `${t("undeliverable")}: ${row.undeliverable}` : "", row.state === "offered" ? `${t("rings")}: ${who(row.agent)}` : ""].filter(Boolean).join(" · "))),
    element("b", "", clock(now - since)));
  if (row.nobody) made.classList.add("broken");
  if (due && due > since) {
    const share = (now - since) / (due - since);
    if (share > 1) made.classList.add("broken"); else if (share > 0.6) made.classList.add("warn");
    made.append(bar(share));
  }
  return made;
}

function agentCard(row, now) {
  const ringing = [...state.conversations.values()].filter((talk) => talk.state === "offered" && talk.agent === row.agent);
  const capacity = row.of ?? 100;
  const rings = ringing.length ? `${t("rings")} ${clock(ms(ringing[0].expires_at) - now)}` : "";
  const made = element("div", `agent${ringing.length ? " rings" : ""}${row.presence === "online" ? "" : " off"}`,
    element("div", "name", element("span", `dot ${row.presence}`), row.name ?? row.agent),
    element("div", "sub", rings || `${t("conversations")}: ${row.conversations ?? 0} · ${row.used ?? 0} ${t("of")} ${capacity}`),
    bar((row.used ?? 0) / capacity));
  made.title = t(row.presence);
  return made;
}

function targetRow(row, now) {
  const due = ms(row.due_at), left = due - now;
  const talk = state.conversations.get(row.conversation_id);
  const made = element("div", `row ${left < 0 || row.state === "breached" ? "broken" : row.state === "warned" ? "warn" : ""}`,
    element("span", `tag ${left < 0 ? "red" : row.state === "warned" ? "amber" : ""}`, t(row.kind ?? "")),
    element("span", "what", talk ? `${talk.queue ?? ""} ` : "", element("span", "sub", talk?.owner ? who(talk.owner) : shortly(row.conversation_id))),
    element("b", "", left < 0 ? `${t("overdue")} ${clock(-left)}` : clock(left)));
  const started = ms(row.started_at) ?? ms(talk?.waiting_since) ?? due - 60000;
  made.append(bar((now - started) / Math.max(1000, due - started)));
  return made;
}

function noticeRow(row) {
  const colour = { failed: "red", uncertain: "red", held: "amber", deferred: "amber", suppressed: "blue" }[row.state] ?? "";
  return element("div", "row",
    element("span", "tag", t(row.kind ?? "reply")),
    element("span", "what", row.order_id ?? shortly(row.conversation_id), " ", element("span", "sub", row.channel ?? "")),
    element("span", `tag ${colour}`, t(row.state)));
}

function feedRow(row) {
  const time = element("time", "", new Date(row.at).toLocaleTimeString(language === "en" ? "en-GB" : language));
  return element("li", "", time, element("span", "", `${t(row.what)} ${(typeof row.rest === "function" ? row.rest() : row.rest) ?? ""}`));
}

// The page

function speak() {
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-label]")) node.ariaLabel = t(node.dataset.label);
  $("language").textContent = language === "pl" ? "English" : "Polski";
  dirty = true;
}

function linked(on) {
  $("link").className = `link ${on ? "on" : "off"}`;
  $("link").textContent = on ? t("live") : t("lost");
  $("board").classList.toggle("stale", !on);
}

async function show(desk, key) {
  $("sign-in").hidden = true;
  $("board").hidden = false;
  $("desk").textContent = desk;
  $("to-shadow").href = `/shadow/${encodeURIComponent(desk)}`;
  $("to-shadow").hidden = false;
  try {
    await follow(`/v1/desks/${encodeURIComponent(desk)}/board/stream`, key, take, linked);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    sessionStorage.removeItem("key");
    ask(t(error.message === "404" ? "no_desk" : "refused"));
  }
}

function ask(why = "") {
  $("board").hidden = true;
  $("sign-in").hidden = false;
  $("refused").textContent = why;
  const field = $("sign-in").elements.namedItem("desk");
  field.value ||= document.body.dataset.desk || sessionStorage.getItem("desk") || "";
}

$("language").addEventListener("click", () => {
  language = language === "pl" ? "en" : "pl";
  localStorage.setItem("language", language);
  speak();
});
$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = new FormData(event.target);
  sessionStorage.setItem("desk", given.get("desk").trim());
  sessionStorage.setItem("key", given.get("key").trim());
  show(given.get("desk").trim(), given.get("key").trim());
});

speak();
setInterval(() => { dirty = true; }, 1000);
setInterval(() => { if (dirty && !document.hidden) { dirty = false; draw(); } }, 250);
const desk = document.body.dataset.desk || sessionStorage.getItem("desk");
const key = document.body.dataset.key || sessionStorage.getItem("key");
if (desk && key) show(desk, key); else ask();
