// A real Prometheus and its promtool: the rules that we ship, and a board whose workers are killed while it is scraped.

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

import { instrument, statusHandler } from '../../lib'
import { renderFleetMetrics } from '../../lib/metrics/fleet-metrics'
import { lookAt } from '../../lib/view/fleet'
import { open } from '../support/boards'
import { startWorker } from '../support/cli'
import { eventually } from '../support/eventually'
import { fleetMachine, fleetSnapshot } from '../support/fleet-snapshot'
import { ROOT } from '../support/paths'
import { ask, listen, listening } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

const INTEGRATIONS = join(ROOT, 'docs', 'integrations')
const isSkipped = process.env.ROLLCALL_TEST_PROMETHEUS === 'skip'

/** The directory of the programs `prometheus` and `promtool`. */
function programs(): string {
  return execFileSync(process.execPath, [join(ROOT, 'scripts', 'needs', 'prometheus.mjs')], {
    encoding: 'utf8',
  }).trim()
}

describe('Prometheus', () => {
  let bin: string

  before('find Prometheus', function () {
    if (isSkipped) {
      console.warn('ROLLCALL_TEST_PROMETHEUS=skip: nothing is scraped by a real Prometheus')
      this.skip()
    }
    bin = programs()
  })

  const promtool = (args: string[], input?: string) =>
    execFileSync(join(bin, 'promtool'), args, { cwd: INTEGRATIONS, encoding: 'utf8', input })

  it('accepts our rules, each of which fires in its test and none on a healthy board', () => {
    assert.match(promtool(['check', 'rules', 'prometheus-rules.yml']), /SUCCESS/)
    assert.match(promtool(['test', 'rules', 'prometheus-rules.test.yml']), /SUCCESS/)
    const rules = readFileSync(join(INTEGRATIONS, 'prometheus-rules.yml'), 'utf8')
    const tests = readFileSync(join(INTEGRATIONS, 'prometheus-rules.test.yml'), 'utf8')
    for (const [, name] of rules.matchAll(/alert: (\w+)/g)) {
      assert.match(tests, new RegExp(`alertname: ${name}\\n\\s+exp_alerts:\\n`), `${name} fires in a test`)
    }
  })

  it('is asked by rules and dashboard for series that there are', async () => {
    const board = open({ baseDir: tempDir(), workerId: 'web-1' })
    const server = createServer((_, response) => response.end('x'))
    const undo = instrument(server, { board, metrics: true, route: () => '/all' })
    await ask((await listening(server)).port)
    const { port } = await listen(statusHandler(board))
    const body = await eventually(async () => {
      const text = (await ask(port, { path: '/metrics' })).body
      return text.includes('route="/all"') && text
    }, 'the request to be counted')
    undo()
    assert.ok(body)

    const look = lookAt(fleetSnapshot(fleetMachine('one', [{}])))
    const ofFleet = renderFleetMetrics(look, { format: 'text', queues: [], byWorker: false })

    for (const text of [body, ofFleet]) assert.equal(promtool(['check', 'metrics'], text), '')
    for (const file of ['prometheus-rules.yml', 'grafana-dashboard.json']) {
      const text = readFileSync(join(INTEGRATIONS, file), 'utf8')
      for (const name of new Set(text.match(/\brollcall_[a-z_]+/g))) {
        if (name.startsWith('rollcall_queue_')) continue
        assert.match(`${body}${ofFleet}`, new RegExp(`^${name}(\\{| )`, 'm'), `${file} asks for ${name}`)
      }
    }
  })

  it('sees no total fall and no series stay while workers are killed', async () => {
    const baseDir = tempDir()
    const board = open({ baseDir, workerId: 'stays', counters: { jobs: 'counter' } })
    board.counters.add('jobs', 5)
    board.update('works')
    const { port } = await listen(statusHandler(board))
    const folder = tempDir()
    const config = join(folder, 'prometheus.yml')
    writeFileSync(
      config,
      `global: { scrape_interval: 200ms }\nscrape_configs: [{ job_name: rollcall, static_configs: [{ targets: ['127.0.0.1:${port}'] }] }]\n`,
    )
    const args = [
      `--config.file=${config}`,
      `--storage.tsdb.path=${folder}/data`,
      '--web.listen-address=127.0.0.1:0',
    ]
    const prometheus = spawn(join(bin, 'prometheus'), args, { stdio: ['ignore', 'ignore', 'pipe'] })
    try {
      let log = ''
      prometheus.stderr.setEncoding('utf8').on('data', (text: string) => {
        log += text
      })
      const address = () => /msg="?Listening on"? address=127\.0\.0\.1:(\d+)/.exec(log)?.[1]
      await eventually(address, () => `Prometheus to listen, it said ${log.slice(-2000)}`)
      const query = async (expression: string): Promise<number | undefined> => {
        const path = `/api/v1/query?query=${encodeURIComponent(expression)}`
        const { status, body } = await ask(Number(address()), { path })
        // It is not ready yet.
        if (status !== 200) return undefined
        const value = JSON.parse(body).data?.result?.[0]?.value?.[1]
        return value === undefined ? undefined : Number(value)
      }
      await eventually(async () => (await query('rollcall_jobs_total')) === 5, 'the first scrape')

      for (let i = 0; i < 3; i++) {
        const worker = await startWorker(baseDir, `w-${i}`, 'works')
        await eventually(
          async () => (await query(`rollcall_worker_up{worker="w-${i}"}`)) === 1,
          'it to be seen',
        )
        board.counters.add('jobs', 1)
        await worker.killed()
        await eventually(async () => (await query(`rollcall_worker_up{worker="w-${i}"}`)) === 0, 'its death')
      }
      await eventually(async () => (await query('rollcall_jobs_total')) === 8, 'the last count')

      assert.equal(await query('sum(resets(rollcall_jobs_total[10m]))'), 0)
      assert.equal(await query('count(rollcall_worker_up)'), 4)
      // Of the dead there is that one series and no other.
      assert.equal(await query('count({worker=~"w-.*"})'), 3)
    } finally {
      prometheus.kill('SIGKILL')
      if (prometheus.exitCode === null && prometheus.signalCode === null) await once(prometheus, 'exit')
    }
  })
})
