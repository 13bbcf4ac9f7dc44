// Keeps the table of a board page true to the live process (docs/live.md): applies its events, moves the rows to
// their new places and says aloud what changed. The page is complete without it; it never asks again and again:
// when the stream cannot be had it says so. All sentences come from data-text-* attributes of #board.

const QUALITY_DECIMALS = 3;
const KILOJOULES_FROM_MJ = 1_000_000;
const MOVE_MS = 600;
const CHANGED_FOR_MS = 4_000;
// When the server refuses (too many readers, starting) the browser gives up: then we knock, ever more rarely.
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 60_000;

const language = document.documentElement.lang || "es";

function numbers(decimals) {
  return new Intl.NumberFormat(language, {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
    useGrouping: "always",
  });
}

const formats = [numbers(0), numbers(1), numbers(2), numbers(3)];

// Like the server, which cuts and does not round: nobody is shown a score that was not reached.
function decimal(text, decimals) {
  const [whole, fraction = ""] = String(text).split(".");
  return formats[decimals].format(Number(`${whole}.${fraction.slice(0, decimals)}`));
}

// As text, because a number in between could fall on the other side of a half.
function joules(energyMj) {
  if (energyMj >= KILOJOULES_FROM_MJ) {
    return `${formats[2].format(`${energyMj}e-6`)} kJ`;
  }
  return `${formats[1].format(`${energyMj}e-3`)} J`;
}

function momentFormat(timeZone) {
  const fields = { year: "numeric", month: "2-digit", day: "2-digit" };
  const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  const format = new Intl.DateTimeFormat("en-GB", { ...fields, ...clock, timeZone });
  return (iso) => format.format(new Date(iso)).replace(",", "");
}

// A moment as it stands after «desde»: the hour, with the day where that is not today.
function sinceFormat(timeZone, texts) {
  const day = new Intl.DateTimeFormat("en-GB", { year: "numeric", month: "2-digit", day: "2-digit", timeZone });
  const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone });
  return (iso) => {
    const at = new Date(iso);
    const words = { day: day.format(at), time: time.format(at) };
    const hourText = words.time.startsWith("01:") ? texts.textAtOne : texts.textAtHour;
    const text = words.day === day.format(new Date()) ? hourText : texts.textAtDay;
    return text.replace(/\{(day|time)\}/g, (_, word) => words[word]);
  };
}

// Runs of the delta: a first number that counts on, or stays where a third member is 0.
function numbersOf(runs) {
  return runs.flatMap(([first, count, step = 1]) =>
    Array.from({ length: count }, (_, place) => (first === null ? null : first + step * place)),
  );
}

function setText(element, text) {
  if (element.textContent === text) {
    return false;
  }
  element.textContent = text;
  return true;
}

class Table {
  constructor(section) {
    this.section = section;
    this.body = document.getElementById("board-rows");
    this.template = document.getElementById("board-row");
    this.empty = document.getElementById("board-empty");
    this.version = Number(section.dataset.version);
    this.moment = momentFormat(section.dataset.timeZone || undefined);
    this.still = window.matchMedia("(prefers-reduced-motion: reduce)");
    this.rows = new Map();
    this.ranks = new Map();
    for (const row of this.body.rows) {
      this.rows.set(row.dataset.participation, row);
      this.ranks.set(row.dataset.participation, Number(this.cell(row, "rank").textContent) || null);
    }
  }

  // The whole board. Returns what happened, for the announcement.
  show(board) {
    this.version = board.version;
    return this.place(
      board.rows.map((row) => ({
        id: row.participation,
        rank: row.rank,
        range: [row.best_rank, row.worst_rank],
        figures: row,
      })),
    );
  }

  // One change. Returns null when it does not join on to what is shown.
  change(delta) {
    if (delta.version <= this.version) {
      return [];
    }
    if (delta.previous !== this.version) {
      return null;
    }
    const gone = new Set([...delta.removed, ...delta.rows.map((row) => row.participation)]);
    const places = [...this.body.rows]
      .map((row) => ({ id: row.dataset.participation, rank: null, range: undefined, figures: null }))
      .filter((place) => !gone.has(place.id));
    for (const row of [...delta.rows].sort((one, other) => one.at - other.at)) {
      places.splice(row.at, 0, { id: row.participation, rank: null, range: undefined, figures: row });
    }
    const ranks = numbersOf(delta.ranks);
    const best = delta.ranges ? numbersOf(delta.ranges.best_rank) : ranks.map(() => null);
    const worst = delta.ranges ? numbersOf(delta.ranges.worst_rank) : best;
    if ([ranks, best, worst].some((numbers) => numbers.length !== places.length)) {
      return null;
    }
    places.forEach((place, at) => {
      place.rank = ranks[at];
      place.range = [best[at], worst[at]];
    });
    this.version = delta.version;
    return this.place(places);
  }

  place(places) {
    const before = this.tops();
    const news = [];
    for (const { id, rank, range, figures } of places) {
      const known = this.rows.get(id);
      const row = known ?? this.newRow(id);
      const isChanged = figures !== null && this.fill(row, figures);
      if (isChanged) {
        this.highlight(row);
        news.push({ id, name: figures.name, rank, was: this.ranks.get(id) ?? null, isNew: !known });
      }
      setText(this.cell(row, "rank"), rank === null ? "—" : String(rank));
      setText(this.cell(row, "range"), this.rangeText(range));
      this.ranks.set(id, rank);
    }
    this.arrange(places.map((place) => place.id));
    this.empty?.toggleAttribute("hidden", places.length > 0);
    this.section.dataset.version = String(this.version);
    this.animate(before);
    return news;
  }

  // Which places chance leaves open, in the words that the server uses.
  rangeText([best, worst]) {
    if (best === null || best === undefined) {
      return "—";
    }
    const text = best === worst ? this.section.dataset.textPlace : this.section.dataset.textPlaces;
    return text.replace("{best}", String(best)).replace("{worst}", String(worst));
  }

  fill(row, figures) {
    const texts = {
      score: decimal(figures.score, 2),
      quality: decimal(figures.quality, QUALITY_DECIMALS),
      energy: joules(figures.energy_mj),
      tokens: formats[0].format(figures.prompt_tokens + figures.completion_tokens),
      attempts: formats[0].format(figures.attempts),
    };
    const changed = Object.entries(texts).map(([field, text]) => setText(this.cell(row, field), text));
    // Before the name, which leaves a space for what stands beside it.
    changed.push(this.fillBelow(row, figures));
    return [...changed, this.fillName(row, figures), this.fillMoment(row, figures.scored_at)].includes(true);
  }

  // In words: that somebody stands behind all others however green is no thing to be guessed from figures.
  fillBelow(row, figures) {
    const cell = this.cell(row, "name");
    const words = cell.querySelector(".below");
    if (figures.reaches_minimum === (words === null)) {
      return false;
    }
    if (words !== null) {
      if (words.previousSibling !== cell.firstChild) {
        words.previousSibling.remove();
      }
      words.remove();
      return true;
    }
    const below = document.createElement("small");
    below.className = "below";
    below.textContent = this.section.dataset.textBelow;
    // The first node is the name's own, also while it is empty.
    cell.append(...(cell.firstChild === null ? [""] : []), " ", below);
    return true;
  }

  fillName(row, figures) {
    const cell = this.cell(row, "name");
    // The mark of one's own row stands beside the name, in the same cell.
    const text = cell.firstChild ?? cell.appendChild(document.createTextNode(""));
    return setText(text, text.nextSibling ? `${figures.name} ` : figures.name);
  }

  fillMoment(row, iso) {
    const cell = this.cell(row, "scored_at");
    const time = cell.querySelector("time") ?? document.createElement("time");
    const isChanged = setText(time, this.moment(iso));
    if (isChanged) {
      time.dateTime = iso;
      cell.replaceChildren(time);
    }
    return isChanged;
  }

  newRow(id) {
    const row = this.template.content.firstElementChild.cloneNode(true);
    row.dataset.participation = id;
    if (id === this.section.dataset.mine) {
      this.mark(row);
    }
    this.rows.set(id, row);
    return row;
  }

  // One's own row, told by a word too: a colour alone tells nothing to who cannot see it.
  mark(row) {
    const you = document.createElement("span");
    you.className = "you";
    you.textContent = this.section.dataset.you;
    row.classList.add("mine");
    this.cell(row, "name").append(document.createTextNode(""), you);
  }

  cell(row, field) {
    return row.querySelector(`[data-field="${field}"]`);
  }

  arrange(order) {
    const staying = new Set(order);
    for (const [id, row] of this.rows) {
      if (!staying.has(id)) {
        row.remove();
        this.rows.delete(id);
        this.ranks.delete(id);
      }
    }
    order.forEach((id, at) => {
      const row = this.rows.get(id);
      if (this.body.rows[at] !== row) {
        this.body.insertBefore(row, this.body.rows[at] ?? null);
      }
    });
  }

  highlight(row) {
    row.classList.add("changed");
    window.clearTimeout(row.changedTimer);
    row.changedTimer = window.setTimeout(() => row.classList.remove("changed"), CHANGED_FOR_MS);
  }

  // First, last, invert, play: rows stand in their new places at once and are only shown on their way.
  animate(before) {
    if (this.still.matches || document.hidden) {
      return;
    }
    for (const row of this.body.rows) {
      row.getAnimations().forEach((animation) => animation.cancel());
    }
    for (const [row, top] of this.tops()) {
      const from = before.get(row);
      const isSeen = Math.min(top, from ?? top) < window.innerHeight && Math.max(top, from ?? top) > 0;
      if (from === undefined && isSeen) {
        row.animate({ opacity: [0, 1] }, { duration: MOVE_MS, easing: "ease-out" });
      } else if (isSeen && from !== top) {
        const path = { transform: [`translateY(${from - top}px)`, "none"] };
        row.animate(path, { duration: MOVE_MS, easing: "cubic-bezier(0.2, 0.8, 0.2, 1)" });
      }
    }
  }

  tops() {
    return new Map([...this.body.rows].map((row) => [row, row.getBoundingClientRect().top]));
  }
}

class Voice {
  constructor(section) {
    this.texts = section.dataset;
    this.mine = section.dataset.mine;
    this.announcement = document.getElementById("board-announcement");
    this.status = document.getElementById("board-status");
  }

  // One sentence at a time: that of one's own row, else of the best place that changed.
  tell(news) {
    const best = (one, other) => (one.rank ?? Infinity) - (other.rank ?? Infinity);
    const ranked = news.filter((each) => each.rank !== null).sort(best);
    const chosen = ranked.find((each) => each.id === this.mine) ?? ranked[0];
    const text = chosen && this.texts[this.kind(chosen)];
    if (text) {
      const words = { name: chosen.name, rank: String(chosen.rank) };
      setText(this.announcement, text.replace(/\{(name|rank)\}/g, (_, word) => words[word]));
    }
  }

  say(name) {
    setText(this.announcement, this.texts[name]);
  }

  kind({ isNew, was, rank }) {
    if (isNew || was === null) {
      return "textEnters";
    }
    if (rank === was) {
      return "textStays";
    }
    return rank < was ? "textRises" : "textFalls";
  }

  state(name) {
    const text = { live: "textLive", reconnecting: "textReconnecting", offline: "textOffline" }[name];
    this.texts.state = name;
    if (this.status) {
      setText(this.status, this.texts[text] ?? "");
    }
  }
}

// Says, while accepted submissions wait for the model or the meter, since when.
class Banner {
  constructor(section) {
    this.texts = section.dataset;
    this.box = document.getElementById("board-waiting");
    this.since = sinceFormat(section.dataset.timeZone || undefined, section.dataset);
  }

  // Returns whether evaluations go on that waited until now.
  show(waiting) {
    const shown = this.box.firstElementChild;
    if (!waiting) {
      shown?.remove();
      return shown !== null;
    }
    const text = waiting.for === "meter" ? this.texts.textWaitingMeter : this.texts.textWaitingBackend;
    const told = shown ?? document.createElement("p");
    told.className = "notice warning";
    setText(told, text.replace("{at}", this.since(waiting.since)));
    if (shown === null) {
      this.box.append(told);
    }
    return false;
  }
}

class Feed {
  constructor(section) {
    this.section = section;
    this.table = new Table(section);
    this.banner = new Banner(section);
    this.voice = new Voice(section);
    this.lastId = section.dataset.boardId;
    this.pauseMs = FIRST_PAUSE_MS;
    this.source = null;
  }

  open() {
    const url = new URL(this.section.dataset.eventsUrl, window.location.href);
    url.searchParams.set("last", this.lastId);
    this.source = new EventSource(url);
    this.source.addEventListener("open", () => {
      this.pauseMs = FIRST_PAUSE_MS;
      this.voice.state("live");
    });
    this.source.addEventListener("error", () => this.lost());
    this.source.addEventListener("board", (event) => this.take(event, (board) => this.show(board)));
    this.source.addEventListener("rows", (event) => this.take(event, (delta) => this.table.change(delta)));
  }

  take(event, apply) {
    this.lastId = event.lastEventId;
    const news = apply(JSON.parse(event.data));
    if (news === null) {
      this.reload();
    } else {
      this.voice.tell(news);
    }
  }

  show(board) {
    const news = this.table.show(board);
    if (this.banner.show(board.waiting)) {
      this.voice.say("textGoingOn");
    }
    return news;
  }

  // A change that does not join on: the whole board puts it right.
  async reload() {
    const answer = await fetch(this.section.dataset.boardUrl).catch(() => null);
    if (answer?.ok) {
      const board = await answer.json();
      if (board.version > this.table.version) {
        this.voice.tell(this.show(board));
      }
    }
  }

  lost() {
    if (this.source.readyState !== EventSource.CLOSED) {
      this.voice.state("reconnecting");
      return;
    }
    this.voice.state("offline");
    window.setTimeout(() => this.open(), this.pauseMs * (0.5 + Math.random()));
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
  }

  close() {
    this.source?.close();
  }
}

const section = document.getElementById("board");

if (section !== null && "EventSource" in window) {
  const feed = new Feed(section);
  feed.open();
  window.addEventListener("pagehide", () => feed.close());
  window.addEventListener("pageshow", (event) => event.persisted && feed.open());
}
