// What somebody does first who has installed the package: a board is used, also by the command from another process;
// what needs an optional package says which. The first argument is the addon that should have been loaded.

const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const http = require('node:http')
const os = require('node:os')
const path = require('node:path')

module.exports = async function use(rollcall) {
  const baseDir = fs.mkdtempSync(path.join(os.tmpdir(), 'rollcall-use-'))
  try {
    await useBoard(rollcall, baseDir)
    checkAddon()
    await missServer(rollcall)
    await missOptionalPackages(rollcall, baseDir)
  } finally {
    fs.rmSync(baseDir, { recursive: true })
  }
  // Node ends with code 0 as well where a promise is never settled.
  console.log('used')
}

async function useBoard({ Scoreboard, statusHandler }, baseDir) {
  const board = new Scoreboard({ baseDir, workerId: 'w', counters: { done: 'counter' } })
  board.update('x'.repeat(5000))
  board.update({ job: 7 })
  board.counters.add('done')
  assert.deepEqual([...board.readAll()], [['w', { job: 7 }]])
  assert.deepEqual({ ...board.totals() }, { done: 1 })
  const seen = JSON.parse(
    execFileSync(path.join('node_modules', '.bin', 'rollcall'), ['ls', baseDir, '--json']),
  )
  assert.deepEqual(
    seen.workers.map(({ id, pid, status }) => ({ id, pid, status })),
    [{ id: 'w', pid: process.pid, status: { job: 7 } }],
  )
  await showPage(statusHandler(board))
  board.close()
}

async function showPage(handler) {
  const server = http.createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const page = await (await fetch(`http://127.0.0.1:${server.address().port}/`)).text()
  assert.ok(
    ['<style', '<script', 'job'].every((part) => page.includes(part)),
    page.slice(0, 200),
  )
  handler.close()
  server.close()
  server.closeAllConnections()
}

function checkAddon(...more) {
  const loaded = process.report.getReport().sharedObjects.filter((file) => file.endsWith('.node'))
  const first = path.resolve('node_modules', 'rollcall', process.argv[2])
  assert.deepEqual(loaded.sort(), [first, ...more])
}

/** Where nobody listens; or, without an addon for that, what has to be done. */
async function missServer({ WatchdogQueue }) {
  const addon = path.resolve(
    'node_modules',
    'rollcall',
    process.argv[2].replace('rollcall.', 'rollcall_zookeeper.'),
  )
  const connecting = WatchdogQueue.connect('zk://127.0.0.1:1/queue', { connectTimeoutMs: 500 })
  if (!fs.existsSync(addon)) return assert.rejects(connecting, /npm install --ignore-scripts zookeeper@\d/)
  await assert.rejects(connecting, /ECONNREFUSED/)
  checkAddon(addon)
}

async function missOptionalPackages({ WatchdogQueue, clusterMetrics }, baseDir) {
  await assert.rejects(WatchdogQueue.connect(path.join(baseDir, 'queue')), /npm install libsql$/)
  await assert.rejects(async () => clusterMetrics({ baseDir }), /npm install prom-client$/)
}
