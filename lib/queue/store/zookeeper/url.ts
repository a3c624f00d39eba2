// `zk://host1:7000,host2:7000/path`: which servers, and which node is the root of the queue or fleet. `zks://`: over TLS.

import { isIPv6 } from 'node:net'
import { describeValue } from '../../../util/check-options'
import { redactUrl } from '../../../util/redact'

export interface HostAndPort {
  /** A name or an address, without brackets. */
  readonly host: string
  readonly port: number
}

export interface ZookeeperAddress {
  readonly hosts: readonly HostAndPort[]
  /** Absolute, without a slash at the end. */
  readonly root: string
}

const DEFAULT_PORT = 2181

function malformed(url: string, why: string): TypeError {
  return new TypeError(
    `Expected a URL like 'zk://host1:2181,host2:2181/path', got ${describeValue(redactUrl(url))}: ${why}`,
  )
}

function parseHost(text: string, url: string): HostAndPort {
  if (text.includes('@')) throw malformed(url, "a user and a password belong into option 'auth'")
  const match = /^(\[[^\]]+\]|[^\s:[\]@?#%]+)(?::(\d+))?$/.exec(text)
  if (match === null)
    throw malformed(
      url,
      `${describeHost(text, url)} is not host or host:port (an IPv6 address goes in brackets)`,
    )
  const port = match[2] === undefined ? DEFAULT_PORT : Number(match[2])
  if (port < 1 || port > 65535)
    throw malformed(url, `${url.includes('@') ? 'a port' : `port ${match[2]}`} is not from 1 to 65535`)
  const host = match[1]!.replace(/^\[|\]$/g, '')
  if (match[1] !== host && !isIPv6(host))
    throw malformed(url, `${describeHost(text, url)} is not an IPv6 address`)
  return { host, port }
}

/** A password may have a slash in it, or a comma. */
function describeHost(text: string, url: string): string {
  return url.includes('@') ? 'one of the servers' : `'${text}'`
}

/** Why ZooKeeper would refuse a path, or undefined where it would not. */
export function badPath(path: string): string | undefined {
  if (!path.startsWith('/')) return 'it does not start with a slash'
  if (path.length > 1 && path.endsWith('/')) return 'it ends with a slash'
  if (path.includes('//')) return 'it has an empty name'
  if (/(^|\/)\.\.?(\/|$)/.test(path)) return "it has the name '.' or '..'"
  for (const character of path) {
    const code = character.codePointAt(0)!
    const refused =
      code < 0x20 || (code > 0x7e && code < 0xa0) || code === 0x7f || (code >= 0xd800 && code < 0xf900)
    if (refused || (code >= 0xfff0 && code <= 0xffff)) return 'it has a character that ZooKeeper refuses'
  }
  return undefined
}

/** What somebody meant who wrote a path for each host, a query, or `%20`: none of them is in these URLs. */
function probablyMeant(rest: string): string | undefined {
  const parts = rest.split(',').map((part) => /^([^/]+)(\/.+)$/.exec(part))
  if (parts.length > 1 && parts.every((part) => part !== null && part[2] === parts[0]![2])) {
    return `${parts.map((part) => part![1]).join(',')}${parts[0]![2]}`
  }
  if (/[?#]/.test(rest)) return rest.replace(/[?#].*$/, '')
  if (!/%[0-9a-f]{2}/i.test(rest)) return undefined
  try {
    return decodeURIComponent(rest)
  } catch {
    return undefined
  }
}

export function parseZookeeperUrl(url: string): ZookeeperAddress {
  const rest = url.slice(url.indexOf('//') + 2)
  const slash = rest.indexOf('/')
  const hosts = slash === -1 ? rest : rest.slice(0, slash)
  const root = slash === -1 ? '' : rest.slice(slash).replace(/\/$/, '')
  const meant = probablyMeant(rest)
  if (meant !== undefined) throw malformed(url, `did you mean 'zk://${meant}'?`)
  if (hosts === '') throw malformed(url, 'no host is named')
  if (root === '') throw malformed(url, 'the path is missing')
  if (/,[^/,]+:\d+(\/|$)/.test(root)) throw malformed(url, 'the path comes once, after the last host')
  const why = badPath(root)
  if (why !== undefined) throw malformed(url, `of the path, ${why}`)
  if (root === '/zookeeper' || root.startsWith('/zookeeper/'))
    throw malformed(url, "'/zookeeper' is the server's own")
  return { hosts: hosts.split(',').map((host) => parseHost(host, url)), root }
}
