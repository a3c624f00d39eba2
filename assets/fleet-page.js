// The page of a fleet, brought to life: puts in place what the server sends, once a second and only where something is
// different. What anything counts for, and every text in it, is the server's.

;(() => {
  /** Without a word from the server for so long, there is no news; after the second, it is asked anew. */
  const QUIET_MS = 3500
  const SILENCE_MS = 8000

  const $ = (id) => document.getElementById(id)
  const title = document.title
  let source
  let heardAt = performance.now()
  let triedAt = 0
  let hasNews = true
  let isPaused = false

  const setText = (element, text) => {
    if (element.textContent !== text) element.textContent = text
  }

  // ------------------------------------------------------------------ what the server says

  function showTexts(texts) {
    for (const element of document.querySelectorAll('[data-text]')) {
      const text = texts[element.dataset.text]
      if (text === undefined) continue
      setText(element, text)
      element.closest('.count')?.classList.toggle('zero', text === '0')
    }
  }

  function showPaths(paths) {
    for (const line of document.querySelectorAll('[data-path]')) {
      const path = paths[line.dataset.path]
      if (path === undefined) continue
      line.setAttribute('d', path)
      const area = path && `${path}V${line.dataset.height}H${path.slice(1, path.indexOf(' '))}Z`
      line.previousElementSibling.setAttribute('d', area)
    }
  }

  /** HTML of the server's own making, every text in it escaped there. */
  function showPieces(pieces) {
    const selection = getSelection()
    for (const [name, html] of Object.entries(pieces)) {
      const piece = $(name)
      // Not while somebody marks text in it to copy it.
      const isMarked = String(selection) !== '' && piece?.contains(selection.anchorNode)
      if (!piece || isMarked) continue
      const focused = piece.contains(document.activeElement) && document.activeElement.getAttribute('href')
      const scrolled = piece.querySelector('.scroll')?.scrollLeft
      piece.innerHTML = html
      if (scrolled) piece.querySelector('.scroll').scrollLeft = scrolled
      if (focused)
        [...piece.querySelectorAll('a')]
          .find((link) => link.getAttribute('href') === focused)
          ?.focus({ preventScroll: true })
    }
  }

  /** By the machine's link: its block. */
  const blocks = new Map()
  const template = document.createElement('template')
  const machines = $('machines')
  for (const block of machines?.children ?? []) blocks.set(block.dataset.id, block)

  function showBlocks({ order, blocks: changed, pictures }) {
    if (!machines) return
    for (const [id, html] of changed) {
      template.innerHTML = html
      const block = template.content.firstElementChild
      const before = blocks.get(id)
      if (before) {
        // The same element stays: it may have the focus, and its neighbours do not move.
        before.className = block.className
        before.title = block.title
        if (block.dataset.trouble === undefined) delete before.dataset.trouble
        else before.dataset.trouble = block.dataset.trouble
        before.replaceChildren(...block.childNodes)
      } else blocks.set(id, block)
    }
    for (const [id, url, text] of pictures) {
      const block = blocks.get(id)
      if (!block) continue
      block.firstElementChild.src = url
      block.title = text
    }
    if (!order) return
    const wanted = new Set(order)
    for (const [id, block] of blocks) {
      if (wanted.has(id)) continue
      block.remove()
      blocks.delete(id)
    }
    let at = machines.firstElementChild
    for (const id of order) {
      const block = blocks.get(id)
      if (!block) continue
      if (block === at) at = at.nextElementSibling
      else machines.insertBefore(block, at)
    }
  }

  function show(tick) {
    showTexts(tick.texts)
    showPaths(tick.paths)
    showPieces(tick.pieces)
    showBlocks(tick)
  }

  // ------------------------------------------------------------------ whether it says anything

  function say(mode, text) {
    $('live').className = `live ${mode}`
    setText($('live'), text)
  }

  function hear(isNews) {
    if (isNews) heardAt = performance.now()
    hasNews = isNews
    $('banner').hidden = isNews
    document.body.classList.toggle('old', !isNews)
    document.title = isNews ? title : `(no news) ${title}`
    if (isNews) {
      say('on', 'live')
      return
    }
    const seconds = Math.round((performance.now() - heardAt) / 1000)
    setText($('banner'), `No news for ${seconds} s: the server does not answer. What is below is old.`)
    say('off', 'connection lost, trying again')
  }

  function connect() {
    source?.close()
    triedAt = performance.now()
    const query = new URLSearchParams(location.search)
    query.set('events', '')
    source = new EventSource(`?${query}`)
    for (const name of ['all', 'tick']) {
      source.addEventListener(name, ({ data }) => {
        hear(true)
        show(JSON.parse(data))
      })
    }
    source.onerror = () => hear(false)
  }

  setInterval(() => {
    if (isPaused) return
    const now = performance.now()
    if (!hasNews || now - heardAt > QUIET_MS) hear(false)
    if (now - Math.max(heardAt, triedAt) > SILENCE_MS) connect()
  }, 1000)

  // ------------------------------------------------------------------ what the reader does

  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const filter = $('view').elements.namedItem('filter')
    if (event.key === '/' && event.target !== filter) {
      event.preventDefault()
      filter.focus()
      filter.select()
    }
  })

  $('pause').addEventListener('click', () => {
    isPaused = !isPaused
    $('pause').setAttribute('aria-pressed', String(isPaused))
    if (isPaused) {
      source.close()
      say('', 'paused')
    } else {
      say('', 'connecting')
      heardAt = performance.now()
      connect()
    }
  })

  window.addEventListener('pageshow', ({ persisted }) => {
    if (persisted && !isPaused) connect()
  })

  $('pause').hidden = false
  say('', 'connecting')
  connect()
})()
