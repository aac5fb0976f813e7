// Where a desk's second policy differs from the live one: read every two seconds, drawn when it has changed.
import { WORDS } from "./words.js";

const EVERY_MS = 2000;
const SHOWN_MAX = 50;
const $ = (id) => document.getElementById(id);
const desk = document.body.dataset.desk;
let language = localStorage.getItem("language") || document.documentElement.lang || "pl";
let key = document.body.dataset.key || sessionStorage.getItem("key");
let told = null;
let drawn = "";

const locale = () => (language === "en" ? "en-GB" : language);
const t = (word) => WORDS[language][word] ?? String(word).replaceAll("_", " ");
const percent = (share) => (share === null || share === undefined ? "–" : share.toLocaleString(locale(), { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 }));

function element(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

async function read() {
  try {
    const answer = await fetch(`/v1/desks/${encodeURIComponent(desk)}/shadow`, { headers: { Authorization: `Bearer ${key}` } });
    if ([401, 403, 404].includes(answer.status)) return ask(t(answer.status === 404 ? "no_desk" : "refused"));
    linked(answer.ok);
    if (answer.ok) told = await answer.json();
  } catch {
    linked(false);
  }
  draw();
  setTimeout(read, EVERY_MS);
}

function draw() {
  const now = language + JSON.stringify(told);
  if (!told || now === drawn) return;
  drawn = now;
  $("off").hidden = told.on;
  for (const id of ["tiles", "queues-card", "channels-card", "differences-card"]) $(id).hidden = !told.on || Boolean(told.not_begun);
  $("names").replaceChildren();
  $("failed").hidden = !told.failed;
  $("not-begun").hidden = !told.not_begun;
  if (!told.on) return;
  $("failed").textContent = told.failed ? `${t("shadow_failed")} ${told.failed}` : "";
  $("not-begun").textContent = told.not_begun ? told.not_begun[language] : "";
  $("names").append(`${t("live_policy")}: `, element("b", "", told.policy.live), ` · ${t("shadow_policy")}: `, element("b", "", told.policy.shadow));
  $("n-compared").textContent = told.compared;
  $("n-since").textContent = told.since ? `${t("since_then")} ${new Date(told.since).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "short" })}` : "";
  $("n-agreed").textContent = percent(told.agreed_share);
  $("n-differ").textContent = told.compared - told.agreed;
  $("n-kinds").textContent = Object.entries(told.by_kind).map(([kind, count]) => `${t(`k_${kind}`)}: ${count}`).join(" · ");
  $("queues").replaceChildren(...told.by_queue.map((row) => countRow(row.queue, row)));
  $("channels").replaceChildren(...told.by_channel.map((row) => countRow(row.channel, row)));
  $("differences").replaceChildren(...told.differences.slice(0, SHOWN_MAX).map(differenceRow));
  $("none").hidden = told.differences.length > 0 || !told.compared;
}

function countRow(name, row) {
  const fill = element("i", "");
  fill.style.width = `${100 * (row.agreed_share ?? 0)}%`;
  return element("div", "row", element("span", "tag", name || "–"),
    element("span", "what", element("span", "sub", `${t("choices")}: ${row.compared}`)),
    element("b", "", percent(row.agreed_share)), element("div", "bar", fill));
}

function differenceRow(row) {
  const head = element("div", "head",
    element("time", "", new Date(row.at).toLocaleTimeString(locale())),
    element("span", "tag amber", t(`k_${row.kind}`)),
    element("span", "", [row.channel, row.queue, row.conversation_id.slice(0, 9)].filter(Boolean).join(" · ")));
  return element("li", "difference", head, side("live_policy", row.live), side("shadow_policy", row.shadow));
}

function side(name, chosen) {
  const parts = Object.entries(chosen.parts).map(([part, value]) => `${t(`p_${part}`)} ${Number(value.toPrecision(3)).toLocaleString(locale())}`);
  return element("div", "side",
    element("small", "", `${t(name)} · ${chosen.conversation_id.slice(0, 9)}`),
    element("b", "", chosen.agent ?? t("waits")),
    element("span", "", chosen.sentence[language]),
    parts.length ? element("small", "", parts.join(" · ")) : null);
}

function speak() {
  document.documentElement.lang = language;
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-label]")) node.ariaLabel = t(node.dataset.label);
  $("language").textContent = language === "pl" ? "English" : "Polski";
  draw();
}

function linked(on) {
  $("link").className = `link ${on ? "on" : "off"}`;
  $("link").textContent = on ? t("live") : t("lost");
}

function ask(why = "") {
  sessionStorage.removeItem("key");
  $("shadow").hidden = true;
  $("sign-in").hidden = false;
  $("refused").textContent = why;
}

function show() {
  $("sign-in").hidden = true;
  $("shadow").hidden = false;
  read();
}

$("language").addEventListener("click", () => {
  language = language === "pl" ? "en" : "pl";
  localStorage.setItem("language", language);
  speak();
});
$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  key = new FormData(event.target).get("key").trim();
  sessionStorage.setItem("key", key);
  show();
});

speak();
if (key) show(); else ask();
