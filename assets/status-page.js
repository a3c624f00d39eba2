// The status page, brought to life: follows the server's events, sorts and filters without a reload, lets
// ages grow. What a worker counts for is the server's word: without news nothing here changes its state.
// Whatever comes from workers is only ever set as text.

;(() => {
  const { rows, mostRows, mostCells, smallFrom, defaultSort } = document.body.dataset
  const ROWS_AT_ONCE = Number(rows)
  const MOST_ROWS = Number(mostRows)
  const MOST_CELLS = Number(mostCells)
  const SMALL_FROM = Number(smallFrom)
  /** As lib/page/grid.ts has them. */
  const [CELL, SIZE] = [10, 8]
  const perLine = (length) => (length > 2048 ? 256 : 128)
  /** How many cells the grid has in a line, where they are small. */
  let wide = perLine(0)
  /** Without a word from the server for so long, there is no news; after the second, it is asked anew. */
  const QUIET_MS = 3500
  const SILENCE_MS = 8000
  const RANK = { blocked: 0, stale: 1, dead: 2, busy: 3, idle: 4 }
  const MARKS = { dead: 'x', stale: '!', blocked: 'B', open: '.' }
  const AGES = ['ageMs', 'oldestMs']
  const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

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
  const searched = columns.filter(({ isSearched }) => isSearched)
  const title = document.title

  /** By key: the worker, when that was true by this page's clock, its row once it has one, texts to find it by. */
  const known = new Map()
  let cells = []
  let sort = sortField.value
  let isPaused = false
  let source
  let heardAt = 0
  let heardTime = ''
  let hasNews = true
  let most = ROWS_AT_ONCE
  let peaks = {}
  const shownPieces = {}
  /** The worker whose row is open, and that row. */
  let opened
  let askedAt = 0

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

  const rateText = (n) => `${n > 0 && n < 9.95 ? n.toFixed(1) : countText(n)}/s`
  const TEXTS = {
    text: String,
    age: ageText,
    count: countText,
    bytes: bytesText,
    percent: (n) => `${n.toFixed(1)} %`,
    rate: rateText,
    bytesRate: (n) => `${bytesText(n)}/s`,
  }

  /** The time of what is shown: it stands still when there is no news. */
  const clock = () => (hasNews ? performance.now() : heardAt)

  function rawValue({ view, seenAt }, { key }, now) {
    const value = view[key]
    return AGES.includes(key) && value !== undefined ? Math.max(0, value + now - seenAt) : value
  }

  function cellText(entry, column, now) {
    if (column.format === 'word') return entry.view.word
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
      if (column.key !== 'id') continue
      const link = document.createElement('a')
      link.href = `?worker=${encodeURIComponent(entry.view.key)}`
      link.setAttribute('aria-expanded', 'false')
      cell.append(link)
    }
    return row
  }

  const canAskWhy = 'why' in document.body.dataset
  function fillRow(entry, now) {
    const { row, view } = entry
    const name = view.isLast ? `${view.kind} last` : view.kind
    if (row.className !== name) row.className = name
    columns.forEach((column, i) => {
      const cell = row.cells[i]
      setText(cell.firstElementChild ?? cell, cellText(entry, column, now))
      if (column.key === 'doing') cell.classList.toggle('error', view.isError === true)
    })
  }

  /** A text of which web-10 comes after web-9, made once for each worker: a collator takes too long for thousands. */
  const naturalKey = (text) => text.toLowerCase().replace(/\d+/g, (digits) => digits.padStart(15, '0'))

  function sortValue(entry, column, now) {
    if (column.format === 'word') return RANK[entry.view.kind]
    if (column.isNumber) return rawValue(entry, column, now) ?? -1
    const value = entry.view[column.key] ?? ''
    if (typeof value === 'number') return value
    entry.keys[column.key] ??= naturalKey(value)
    return entry.keys[column.key]
  }

  function ordered(entries, now) {
    const isReversed = sort.startsWith('-')
    const key = sort.replace(/^-/, '')
    const column = columns.find((one) => one.key === key)
    const sign = column.isNumber ? -1 : 1
    const keyed = entries.map((entry) => ({
      entry,
      value: sortValue(entry, column, now),
      slot: entry.view.slot,
    }))
    const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0)
    keyed.sort((a, b) => sign * compare(a.value, b.value) || a.slot - b.slot)
    if (isReversed) keyed.reverse()
    return keyed.map(({ entry }) => entry)
  }

  function textOf(entry) {
    entry.text ??= searched
      .map((column) => cellText(entry, column, 0))
      .join(' ')
      .toLowerCase()
    return entry.text
  }

  function chosen() {
    const words = filter.value.trim().toLowerCase().split(/\s+/)
    const isMatch = (text, word) =>
      word.length > 1 && word[0] === '!' ? !text.includes(word.slice(1)) : text.includes(word)
    return [...known.values()].filter((entry) => {
      if (state.value !== 'all' && state.value !== entry.view.kind) return false
      return words.every((word) => word === '' || isMatch(textOf(entry), word))
    })
  }

  function showTable(now) {
    const all = ordered(chosen(), now)
    const shown = all.slice(0, most)
    let at = body.firstElementChild
    for (const entry of shown) {
      entry.row ??= makeRow(entry)
      fillRow(entry, now)
      // What stands right is not touched: it may be selected, or read aloud.
      if (entry.row === at) at = at.nextElementSibling
      else body.insertBefore(entry.row, at)
      if (opened?.key !== entry.view.key) continue
      if (opened.row === at) at = at.nextElementSibling
      else body.insertBefore(opened.row, at)
    }
    while (at) {
      const next = at.nextElementSibling
      at.remove()
      at = next
    }
    const left = all.length - shown.length
    setText($('shown'), `${countText(all.length)} of ${countText(known.size)}`)
    setText($('left'), `${countText(left)} more; the filter finds them`)
    $('rest').hidden = left === 0
    $('more').hidden = most >= MOST_ROWS
    $('none').hidden = shown.length > 0
  }

  function bySlot() {
    const found = new Map()
    for (const entry of known.values()) {
      if (entry.view.kind !== 'dead' || !found.has(entry.view.slot)) found.set(entry.view.slot, entry)
    }
    return found
  }

  function showGrid() {
    const slots = bySlot()
    let length = 0
    for (const slot of slots.keys()) length = Math.max(length, slot + 1)
    length = Math.min(MOST_CELLS, length)
    if (length >= SMALL_FROM) showSmall(slots, length)
    else showCells(slots, length)
  }

  function showCells(slots, length) {
    const grid = $('grid')
    if (grid.firstElementChild?.localName === 'svg') grid.replaceChildren()
    cells = [...grid.children]
    while (cells.length > length) cells.pop().remove()
    while (cells.length < length) cells.push(grid.appendChild(document.createElement('i')))
    cells.forEach((cell, slot) => {
      const view = slots.get(slot)?.view
      const kind = view?.kind ?? 'open'
      const text = view ? `${view.id}: ${view.word}` : ''
      if (cell.className !== kind) cell.className = kind
      if (cell.title !== text) cell.title = text
      cell.dataset.key = view?.key ?? ''
      setText(cell, MARKS[kind] ?? view.letter)
    })
  }

  function showSmall(slots, length) {
    wide = perLine(length)
    const shapes = { open: '', idle: '', busy: '', blocked: '', stale: '', dead: '' }
    for (let slot = 0; slot < length; slot++) {
      const kind = slots.get(slot)?.view.kind ?? 'open'
      shapes[kind] += `M${(slot % wide) * CELL} ${Math.floor(slot / wide) * CELL}h${SIZE}v${SIZE}h-${SIZE}z`
    }
    const grid = $('grid')
    const NS = 'http://www.w3.org/2000/svg'
    let svg = grid.firstElementChild
    if (svg?.localName !== 'svg') {
      svg = document.createElementNS(NS, 'svg')
      svg.setAttribute('aria-hidden', 'true')
      grid.replaceChildren(svg)
    }
    svg.setAttribute('viewBox', `0 0 ${wide * CELL} ${Math.ceil(length / wide) * CELL}`)
    for (const [kind, shape] of Object.entries(shapes)) {
      const path = svg.querySelector(`.${kind}`) ?? svg.appendChild(document.createElementNS(NS, 'path'))
      path.setAttribute('class', kind)
      if (path.getAttribute('d') !== shape) path.setAttribute('d', shape)
    }
  }

  /** The key of the worker under the pointer. */
  function keyAt(event) {
    const { key } = event.target.dataset ?? {}
    if (key !== undefined) return key
    const svg = $('grid').querySelector('svg')
    if (!svg) return undefined
    const box = svg.getBoundingClientRect()
    const scale = (wide * CELL) / box.width
    const at = [event.clientX - box.left, event.clientY - box.top].map((px) =>
      Math.floor((px * scale) / CELL),
    )
    return bySlot().get(at[1] * wide + at[0])?.view.key
  }

  let isDrawing = false
  /** Whether a worker has changed since the grid was drawn; ages alone do not show there. */
  let isGridOld = true
  function draw() {
    if (isDrawing) return
    isDrawing = true
    requestAnimationFrame(() => {
      isDrawing = false
      showTable(clock())
      if (isGridOld) showGrid()
      isGridOld = false
    })
  }

  // ------------------------------------------------------------------ one worker in full

  function setOpened(key) {
    const before = opened
    before?.row.remove()
    const mark = (one, isOpen) =>
      known.get(one)?.row?.querySelector('a')?.setAttribute('aria-expanded', String(isOpen))
    if (before) mark(before.key, false)
    opened = undefined
    if (key !== undefined && key !== before?.key) {
      const row = document.createElement('tr')
      row.className = 'open'
      const cell = row.insertCell()
      cell.colSpan = columns.length
      opened = { key, row, details: cell.appendChild(document.createElement('div')), html: '' }
      askDetails()
      offerWhy()
    }
    choose()
    if (opened) mark(opened.key, true)
  }

  async function askDetails() {
    const asked = opened
    askedAt = performance.now()
    try {
      const answer = await fetch(`?details=${encodeURIComponent(asked.key)}`)
      const html = await answer.text()
      // Not while somebody marks text in it to copy it.
      const isMarked = String(getSelection()) !== '' && asked.row.contains(getSelection().anchorNode)
      if (!answer.ok || asked.html === html || isMarked) return
      // HTML of the server's own making, every text in it escaped there.
      asked.details.innerHTML = html
      asked.html = html
    } catch {
      // That there is no news is told by the banner.
    }
  }

  /** Where its code is right now: in its row, below all else. Of one that hangs it is asked at once. */
  function offerWhy() {
    const asked = opened
    const { id, kind } = known.get(asked.key)?.view ?? {}
    if (!canAskWhy || asked.isOffered || kind === undefined || kind === 'dead') return
    asked.isOffered = true
    const where = document.createElement('div')
    asked.row.cells[0].prepend(where)
    where.className = 'details where'
    const button = where.appendChild(document.createElement('button'))
    button.type = 'button'
    button.className = 'why'
    button.textContent = 'Where is it?'
    const stack = where.appendChild(document.createElement('pre'))
    stack.hidden = true
    stack.tabIndex = 0
    stack.setAttribute('aria-label', `Where ${id} is`)
    const ask = () => askWhy(asked.key, button, stack)
    button.addEventListener('click', ask)
    if (kind === 'blocked') ask()
  }

  async function askWhy(key, button, stack) {
    button.disabled = true
    stack.hidden = false
    setText(stack, 'asking its process ...')
    const headers = { 'X-Rollcall': 'why' }
    const answer = await fetch(`?why=${key}`, { method: 'POST', headers }).catch(() => undefined)
    setText(stack, answer ? await answer.text() : 'The server does not answer.')
    button.disabled = false
  }

  function openFromAnywhere(key) {
    if (!known.has(key)) return
    if (opened?.key !== key) {
      filter.value = ''
      state.value = 'all'
      setOpened(key)
    }
    requestAnimationFrame(() => {
      // It may be further down than the rows that are there.
      if (!known.get(key)?.row?.isConnected) {
        filter.value = known.get(key).view.id
        choose()
      }
      requestAnimationFrame(() => known.get(key)?.row?.scrollIntoView({ block: 'center' }))
    })
  }

  // ------------------------------------------------------------------ what the server says

  function learn(view) {
    isGridOld = true
    const row = known.get(view.key)?.row
    known.set(view.key, { view, seenAt: performance.now(), row, keys: {}, text: undefined })
  }

  function showTick({ texts, paths, peaks: tops, pieces, hides, vitals }) {
    for (const [key, cpu, memory] of vitals) {
      const view = known.get(key)?.view
      if (view) Object.assign(view, { cpu, memory })
    }
    peaks = tops
    heardTime = texts.clock.slice(-8)
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
    $('workers').className = hides.map((key) => `no-${key}`).join(' ')
    for (const [name, html] of Object.entries(pieces)) {
      // HTML of the server's own making, every text in it escaped there.
      if (html !== shownPieces[name]) $(name).innerHTML = html
      shownPieces[name] = html
    }
  }

  function onAll({ workers, tick }) {
    const rows = new Map([...body.rows].map((row) => [row.dataset.key, row]))
    known.clear()
    for (const view of workers) {
      learn(view)
      known.get(view.key).row = rows.get(view.key)
    }
    showTick(tick)
    if (opened) offerWhy()
    draw()
  }

  function onChange({ changed, removed }) {
    for (const key of removed) known.delete(key)
    isGridOld = true
    for (const view of changed) learn(view)
    draw()
  }

  function say(mode, text) {
    $('live').className = `live ${mode}`
    setText($('live'), text)
  }

  function hear(isNews) {
    if (isNews) heardAt = performance.now()
    hasNews = isNews
    $('banner').hidden = isNews
    document.body.classList.toggle('old', !isNews)
    if (isNews) {
      document.title = title
      say('on', 'live')
      return
    }
    const seconds = Math.round((performance.now() - heardAt) / 1000)
    const text = `no news since ${heardTime || 'the page was loaded'} (${seconds} s)`
    setText(
      $('banner'),
      `${text[0].toUpperCase()}${text.slice(1)}: the server does not answer. What is below is old.`,
    )
    document.title = `(no news) ${title}`
    say('off', 'connection lost, trying again')
    draw()
  }

  let triedAt = 0
  function connect() {
    source?.close()
    triedAt = performance.now()
    source = new EventSource('?events')
    const on = (name, act) =>
      source.addEventListener(name, ({ data }) => {
        hear(true)
        act(JSON.parse(data))
      })
    on('all', onAll)
    on('change', onChange)
    on('tick', showTick)
    source.onerror = () => hear(false)
  }

  setInterval(() => {
    if (isPaused) return
    const now = performance.now()
    if (!hasNews || now - heardAt > QUIET_MS) hear(false)
    if (now - Math.max(heardAt, triedAt) > SILENCE_MS) connect()
    if (opened && hasNews && now - askedAt > 2000) askDetails()
    draw()
  }, 1000)

  // ------------------------------------------------------------------ what the reader does

  function keepInAddress() {
    const query = new URLSearchParams()
    if (sort !== defaultSort) query.set('sort', sort)
    if (filter.value !== '') query.set('filter', filter.value)
    if (state.value !== 'all') query.set('state', state.value)
    if (opened) query.set('worker', opened.key)
    history.replaceState(null, '', `?${query}`)
  }

  function choose() {
    keepInAddress()
    for (const tile of document.querySelectorAll('.count')) {
      if (tile.dataset.state === state.value) tile.setAttribute('aria-current', 'true')
      else tile.removeAttribute('aria-current')
    }
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
  $('more').addEventListener('click', () => {
    most = Math.min(MOST_ROWS, most + ROWS_AT_ONCE)
    draw()
  })

  document.addEventListener('click', (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return
    const { target } = event
    const tile = target.closest('.count')
    if (tile) {
      event.preventDefault()
      state.value = state.value === tile.dataset.state ? 'all' : tile.dataset.state
      choose()
      return
    }
    const trouble = target.closest('[data-open]')
    if (trouble) {
      event.preventDefault()
      openFromAnywhere(trouble.dataset.open)
      return
    }
    if (target.closest('#grid')) {
      const key = keyAt(event)
      if (key) openFromAnywhere(key)
      return
    }
    if (target.closest('button')) return
    const row = target.closest('#rows tr[data-key]')
    if (!row || String(getSelection()) !== '') return
    event.preventDefault()
    setOpened(row.dataset.key)
  })

  $('grid').addEventListener('pointermove', (event) => {
    const view = known.get(keyAt(event))?.view
    setText($('cell'), view ? `${view.id}: ${view.word}` : '')
  })

  for (const plot of document.querySelectorAll('.plot')) {
    const { spark, format } = plot.closest('[data-spark]').dataset
    const line = plot.querySelector('.line')
    const shown = plot.parentElement.querySelector('.under')
    plot.addEventListener('pointerleave', () => setText(shown, ''))
    plot.addEventListener('pointermove', (event) => {
      const box = plot.getBoundingClientRect()
      const { width, height } = line.ownerSVGElement.viewBox.baseVal
      const x = Math.round(((event.clientX - box.left) / box.width) * width)
      const found = new RegExp(`[ML]${x} ([\\d.]+)`).exec(line.getAttribute('d'))
      const value = found && ((height - 1 - found[1]) / (height - 2)) * (peaks[spark] ?? 0)
      const text = TEXTS[format === 'bytes' ? 'bytesRate' : format]
      setText(shown, found ? `${text(value)}, ${Math.round(width - x)} s ago` : '')
    })
  }

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const isTyping = /^(input|select|textarea)$/.test(event.target.localName)
    if (event.key === '/' && !isTyping) {
      event.preventDefault()
      filter.focus()
      filter.select()
    }
    if (event.key !== 'Escape') return
    if (event.target === filter) {
      filter.value = ''
      choose()
    } else if (opened) {
      setOpened(undefined)
    }
  })

  $('pause').addEventListener('click', () => {
    isPaused = !isPaused
    $('pause').setAttribute('aria-pressed', String(isPaused))
    if (isPaused) {
      source.close()
      // What is shown is of this moment, and stays so.
      heardAt = performance.now()
      hasNews = false
      say('', 'paused')
    } else {
      say('', 'connecting')
      hasNews = true
      connect()
    }
  })

  window.addEventListener('pageshow', ({ persisted }) => {
    if (persisted && !isPaused) connect()
  })

  $('apply').hidden = true
  $('pause').hidden = false
  say('', 'connecting')
  heardAt = performance.now()
  connect()
  const asked = new URLSearchParams(location.search).get('worker')
  if (asked) {
    // It opens where its row is.
    document.querySelector('main > section > .details')?.parentElement.remove()
    setOpened(asked)
  }
})()
