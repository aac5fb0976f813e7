// A server-sent event stream read by fetch, because EventSource cannot send an Authorization header.
// Each connection begins with a snapshot, so after a loss it is enough to connect again.

const RETRY_MS = [500, 1000, 2000, 5000];
const SILENCE_MS = 45000; // the server sends a comment at least every 15 s

export class Refused extends Error {}

export async function follow(path, key, onEvent, onLink) {
  for (let failures = 0; ; failures++) {
    try {
      // Linked from the first event on, the snapshot: until then nothing that is shown is known to be so.
      await readOnce(path, key, (name, data) => { failures = 0; onEvent(name, data); onLink(true); });
    } catch (error) {
      if (error instanceof Refused) throw error;
    }
    onLink(false);
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS[Math.min(failures, RETRY_MS.length - 1)]));
  }
}

async function readOnce(path, key, onEvent) {
  const stop = new AbortController();
  let silence = setTimeout(() => stop.abort(), SILENCE_MS);
  try {
    const answer = await fetch(path, { headers: { Authorization: `Bearer ${key}` }, signal: stop.signal });
    if ([401, 403, 404].includes(answer.status)) throw new Refused(String(answer.status));
    if (!answer.ok) return;
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(silence);
      silence = setTimeout(() => stop.abort(), SILENCE_MS);
      const blocks = (rest + value.replaceAll("\r\n", "\n")).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) tell(block, onEvent);
    }
  } finally {
    clearTimeout(silence);
    stop.abort();
  }
}

function tell(block, onEvent) {
  let name = "message";
  const data = [];
  for (const line of block.split("\n")) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).trim());
  }
  if (data.length) onEvent(name, JSON.parse(data.join("\n")));
}
