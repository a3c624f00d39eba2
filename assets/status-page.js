// The status page, brought to life: follows the server's events, sorts and filters without a reload, lets
// ages grow. Whatever comes from workers is only ever set as text.

;(() => {
  const { staleMs, mostRows, mostCells } = document.body.dataset
  const STALE_MS = Number(staleMs)
  const MOST_ROWS = Number(mostRows)
  const MOST_CELLS = Number(mostCells)
  /** Without a word from the server for so long, the connection counts as broken. */
  const SILENCE_MS = 8000
  const RANK = { dead: 0, blocked: 1, stale: 2, busy: 3, idle: 4 }
  const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  // web-10 comes after web-9.
  const byNumberedName = new Intl.Collator('en', { numeric: true })

  const $ = (id) => document.getElementById(id)
  const body = $('rows')
  const form = $('view')
  const filter = form.elements.namedItem('filter')
  const state = form.elements.namedItem('state')
  const sortField = form.querySelector('input[name=sort]')
  const headings = [...document.querySelectorAll('#workers thead th')]
  /** As lib/page/columns.ts has them. */
  const columns = headings.map(({ dataset }) => ({
    key: dataset.key,
    format: dataset.format,
    isNumber: 'number' in dataset,
    isSearched: 'searched' in dataset,
  }))

  /** By key: the worker, when it spoke last by this page's clock, its row once it has one, its cell. */
  const known = new Map()
  const cells = []
  let sort = sortField.value
  let isPaused = false
  let source
  let heardAt = 0
  let shownQueues

  // ------------------------------------------------------------------ texts

  const countText = (n) => Math.round(n).toLocaleString('en-US')

  function bytesText(bytes) {
    let n = bytes
    let unit = 0
    for (; n >= 999.5 && unit < UNITS.length - 1; unit++) n /= 1000
    return `${unit > 0 && n < 99.95 ? n.toFixed(1) : Math.round(n)} ${UNITS[unit]}`
  }

  function ageText(ms) {
    if (ms < 10_000) return `${(ms / 1000).toFixed(1)}s`
    const s = Math.floor(ms / 1000)
    const two = (n) => String(n).padStart(2, '0')
    if (s < 60) return `${s}s`
    if (s < 3600) return `${Math.floor(s / 60)}m${two(s % 60)}s`
    if (s < 86_400) return `${Math.floor(s / 3600)}h${two(Math.floor((s % 3600) / 60))}m`
    return `${Math.floor(s / 86_400)}d${two(Math.floor((s % 86_400) / 3600))}h`
  }

  const ageOf = (entry, now) => Math.max(0, now - entry.spokeAt)

  function kindOf(entry, now) {
    const { view } = entry
    if (view.isDead) return 'dead'
    if (view.blockedMs !== undefined) return 'blocked'
    if (!view.isPatient && ageOf(entry, now) > STALE_MS) return 'stale'
    return view.isBusy ? 'busy' : 'idle'
  }

  function wordOf({ view, learntAt }, kind, now) {
    if (kind === 'blocked') return `blocked ${ageText(view.blockedMs + now - learntAt)}`
    return kind === 'dead' || kind === 'stale' ? kind : view.word
  }

  const percentText = (value) => `${value.toFixed(1)} %`

  const TEXTS = { text: String, age: ageText, count: countText, bytes: bytesText, percent: percentText }

  const rawValue = (entry, { key }, now) => (key === 'age' ? ageOf(entry, now) : entry.view[key])

  function cellText(entry, column, kind, now) {
    if (column.format === 'word') return wordOf(entry, kind, now)
    const value = rawValue(entry, column, now)
    return value === undefined ? '' : TEXTS[column.format](value)
  }

  const setText = (element, text) => {
    if (element.textContent !== text) element.textContent = text
  }

  // ------------------------------------------------------------------ the table

  function makeRow(entry) {
    const row = document.createElement('tr')
    row.dataset.key = entry.view.key
    for (const column of columns) {
      const cell = row.insertCell()
      cell.className = `c-${column.key}`
      if (column.format === 'word') cell.append(document.createElement('b'))
    }
    return row
  }

  const canAskWhy = 'why' in document.body.dataset
  const dialog = $('why')

  async function askWhy(view) {
    const text = dialog.querySelector('pre')
    setText($('why-title'), `Where ${view.id} is`)
    setText(text, 'asking its process ...')
    dialog.showModal()
    const headers = { 'X-Rollcall': 'why' }
    const answer = await fetch(`?why=${view.key}`, { method: 'POST', headers }).catch(() => undefined)
    setText(text, answer ? await answer.text() : 'The server does not answer.')
  }

  function offerWhy(cell, key) {
    if (!canAskWhy || cell.children.length > 1) return
    const button = document.createElement('button')
    button.type = 'button'
    button.className = 'why'
    button.textContent = 'why?'
    button.addEventListener('click', () => askWhy(known.get(key).view))
    cell.append(button)
  }

  function fillRow(entry, now) {
    const kind = kindOf(entry, now)
    const { row } = entry
    if (row.className !== kind) row.className = kind
    columns.forEach((column, i) => {
      const cell = row.cells[i]
      setText(column.format === 'word' ? cell.firstChild : cell, cellText(entry, column, kind, now))
      if (column.format === 'word') offerWhy(cell, entry.view.key)
      if (column.key === 'doing') cell.classList.toggle('error', entry.view.isError === true)
    })
  }

  function ordered(entries, now) {
    const isReversed = sort.startsWith('-')
    const key = sort.replace(/^-/, '')
    const column = columns.find((one) => one.key === key)
    const { isNumber } = column
    const sortValue = (entry) => {
      if (column.format === 'word') return RANK[kindOf(entry, now)]
      return rawValue(entry, column, now) ?? (isNumber ? -1 : '')
    }
    const compare = (a, b) => (typeof a === 'number' ? a - b : byNumberedName.compare(a, b))
    const sign = isNumber ? -1 : 1
    const keyed = entries.map((entry) => ({ entry, value: sortValue(entry), slot: entry.view.slot }))
    keyed.sort((a, b) => sign * compare(a.value, b.value) || a.slot - b.slot)
    if (isReversed) keyed.reverse()
    return keyed.map(({ entry }) => entry)
  }

  function chosen(now) {
    const searched = columns.filter(({ isSearched }) => isSearched)
    const words = filter.value.trim().toLowerCase().split(/\s+/)
    return [...known.values()].filter((entry) => {
      const kind = kindOf(entry, now)
      if (state.value !== 'all' && state.value !== kind) return false
      const text = searched
        .map((column) => cellText(entry, column, kind, now))
        .join(' ')
        .toLowerCase()
      return words.every((word) => text.includes(word))
    })
  }

  function showTable(now) {
    const shown = ordered(chosen(now), now).slice(0, MOST_ROWS)
    let at = body.firstElementChild
    for (const entry of shown) {
      entry.row ??= makeRow(entry)
      fillRow(entry, now)
      // What stands right is not touched: it may be selected, or read aloud.
      if (entry.row === at) at = at.nextElementSibling
      else body.insertBefore(entry.row, at)
    }
    while (at) {
      const next = at.nextElementSibling
      at.remove()
      at = next
    }
    setText($('shown'), `${countText(shown.length)} of ${countText(known.size)}`)
    $('none').hidden = shown.length > 0
  }

  function showGrid(now) {
    const bySlot = new Map()
    for (const entry of [...known.values()].reverse()) {
      if (!entry.view.isDead || !bySlot.has(entry.view.slot)) bySlot.set(entry.view.slot, entry)
    }
    const length = Math.min(MOST_CELLS, Math.max(-1, ...bySlot.keys()) + 1)
    while (cells.length > length) cells.pop().remove()
    while (cells.length < length) cells.push($('grid').appendChild(document.createElement('i')))
    cells.forEach((cell, slot) => {
      const entry = bySlot.get(slot)
      const kind = entry ? kindOf(entry, now) : 'open'
      const marks = { dead: 'x', blocked: '#', stale: '!', open: '.' }
      const title = entry ? `${entry.view.id}: ${wordOf(entry, kind, now)}` : ''
      if (cell.className !== kind) cell.className = kind
      if (cell.title !== title) cell.title = title
      setText(cell, marks[kind] ?? entry.view.letter)
    })
  }

  let isDrawing = false
  function draw() {
    if (isDrawing) return
    isDrawing = true
    requestAnimationFrame(() => {
      isDrawing = false
      const now = performance.now()
      showTable(now)
      showGrid(now)
    })
  }

  // ------------------------------------------------------------------ what the server says

  function learn(view) {
    const entry = known.get(view.key)
    const row = entry?.row
    // The dead go to the end, in the order of their deaths, as the server has them.
    if (view.isDead && !entry?.view.isDead) known.delete(view.key)
    const learntAt = performance.now()
    known.set(view.key, { view, learntAt, spokeAt: learntAt - view.ageMs, row })
  }

  function showTick({ texts, paths, queues, vitals }) {
    for (const [key, [cpu, memory]] of Object.entries(vitals)) {
      const view = known.get(key)?.view
      if (view) Object.assign(view, { cpu, memory })
    }
    for (const element of document.querySelectorAll('[data-text]')) {
      const text = texts[element.dataset.text]
      if (text === undefined) continue
      setText(element, text)
      element.closest('.count')?.classList.toggle('zero', text === '0')
    }
    for (const line of document.querySelectorAll('[data-path]')) {
      const path = paths[line.dataset.path]
      if (path === undefined) continue
      line.setAttribute('d', path)
      const area = path && `${path}V${line.dataset.height}H${path.slice(1, path.indexOf(' '))}Z`
      line.previousElementSibling.setAttribute('d', area)
    }
    const servesRequests = 'requests' in paths
    for (const tile of document.querySelectorAll('[data-needs=requests]')) tile.hidden = !servesRequests
    $('workers').classList.toggle('plain', !servesRequests)
    // HTML of the server's own making, every text in it escaped there.
    if (queues !== shownQueues) $('queues').innerHTML = queues
    shownQueues = queues
  }

  function onAll({ workers, tick }) {
    const rows = new Map([...body.rows].map((row) => [row.dataset.key, row]))
    known.clear()
    for (const view of workers) {
      learn(view)
      known.get(view.key).row = rows.get(view.key)
    }
    showTick(tick)
    draw()
  }

  function onChange({ changed, removed }) {
    for (const key of removed) known.delete(key)
    for (const view of changed) learn(view)
    draw()
  }

  function say(mode, text) {
    $('live').className = `live ${mode}`
    setText($('live'), text)
  }

  function connect() {
    source?.close()
    heardAt = performance.now()
    source = new EventSource('?events')
    const on = (name, act) =>
      source.addEventListener(name, ({ data }) => {
        heardAt = performance.now()
        say('on', 'live')
        act(JSON.parse(data))
      })
    on('all', onAll)
    on('change', onChange)
    on('tick', showTick)
    source.onerror = () => say('off', 'connection lost, trying again')
  }

  setInterval(() => {
    if (isPaused) return
    if (performance.now() - heardAt > SILENCE_MS) {
      say('off', 'connection lost, trying again')
      connect()
    }
    // Ages grow, and with them who is stale.
    draw()
  }, 1000)

  // ------------------------------------------------------------------ what the reader does

  function keepInAddress() {
    const query = new URLSearchParams()
    if (sort !== 'slot') query.set('sort', sort)
    if (filter.value !== '') query.set('filter', filter.value)
    if (state.value !== 'all') query.set('state', state.value)
    history.replaceState(null, '', `?${query}`)
  }

  function choose() {
    keepInAddress()
    draw()
  }

  function sortBy(next) {
    sort = next
    sortField.value = next
    const isReversed = next.startsWith('-')
    const key = next.replace(/^-/, '')
    for (const th of headings) {
      const isSorted = th.dataset.key === key
      const isDown = th.hasAttribute('data-number') !== isReversed
      if (isSorted) th.setAttribute('aria-sort', isDown ? 'descending' : 'ascending')
      else th.removeAttribute('aria-sort')
      th.firstElementChild.value = isSorted && !isReversed ? `-${key}` : th.dataset.key
    }
    choose()
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const button = event.submitter
    if (button?.name === 'sort') sortBy(button.value)
    else choose()
  })
  filter.addEventListener('input', choose)
  state.addEventListener('change', choose)

  $('pause').addEventListener('click', () => {
    isPaused = !isPaused
    $('pause').setAttribute('aria-pressed', String(isPaused))
    if (isPaused) {
      source.close()
      say('', 'paused')
    } else {
      say('', 'connecting')
      connect()
    }
  })

  window.addEventListener('pageshow', ({ persisted }) => {
    if (persisted && !isPaused) connect()
  })

  $('apply').hidden = true
  $('pause').hidden = false
  cells.push(...$('grid').children)
  say('', 'connecting')
  connect()
})()
