// The addresses of the servers: names are asked for again before each round of tries, since what they mean may have
// changed. Nothing here blocks, and no name that nobody answers for holds up the others.

import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { HostAndPort } from './url'

export interface Server {
  readonly ip: string
  readonly port: number
  /** As the user wrote it. */
  readonly host: string
}

export interface Resolution {
  readonly servers: Server[]
  readonly failures: string[]
  /** There is no such name, not just no answer. */
  readonly isFinal: boolean
}

export function textOf({ host, port }: HostAndPort): string {
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`
}

export class Servers {
  readonly #hosts: readonly HostAndPort[]
  readonly #limitMs: number
  /** What each name meant when it was last known. */
  readonly #known = new Map<string, string[]>()

  /** @param limitMs how long a name is waited for before what it meant last will do */
  constructor(hosts: readonly HostAndPort[], limitMs: number) {
    this.#hosts = hosts
    this.#limitMs = limitMs
  }

  /** All addresses of all hosts, in random order. */
  async resolve(): Promise<Resolution> {
    const answers = await Promise.allSettled(this.#hosts.map(({ host }) => this.#addresses(host)))
    const servers = new Map<string, Server>()
    const failures: string[] = []
    let isFinal = true
    answers.forEach((answer, i) => {
      const { host, port } = this.#hosts[i]!
      if (answer.status === 'fulfilled') {
        for (const ip of answer.value) servers.set(`${ip} ${port}`, { ip, port, host })
        return
      }
      const { code, message } = answer.reason as NodeJS.ErrnoException
      failures.push(`cannot find the address of ${host}: ${message}`)
      isFinal &&= code === 'ENOTFOUND' || code === 'EAI_AGAIN'
    })
    return { servers: shuffled([...servers.values()]), failures, isFinal }
  }

  async #addresses(host: string): Promise<string[]> {
    if (isIP(host) !== 0) return [host]
    const asking = lookup(host, { all: true, verbatim: true }).then((found) => {
      const addresses = found.map(({ address }) => address)
      this.#known.set(host, addresses)
      return addresses
    })
    const known = this.#known.get(host)
    if (known === undefined) return asking
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<string[]>((resolve) => {
      timer = setTimeout(() => resolve(known), this.#limitMs)
    })
    return Promise.race([asking.catch(() => known), late]).finally(() => clearTimeout(timer))
  }
}

function shuffled<T>(list: T[]): T[] {
  for (let i = list.length - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1))
    ;[list[i], list[other]] = [list[other]!, list[i]!]
  }
  return list
}
