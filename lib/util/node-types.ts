// What our declarations say of Node, so that they compile in projects that have no @types/node, and with any
// TypeScript from 5.0 on. There these types are whatever is passed; everywhere else they are Node's own.
//
// biome-ignore-all lint/suspicious/noTsIgnore: there is no error here, but in a project without @types/node there is

/** @ts-ignore */
export type IncomingMessage = import('node:http').IncomingMessage
/** @ts-ignore */
export type ServerResponse = import('node:http').ServerResponse
/** @ts-ignore */
export type HttpServer = import('node:http').Server
/** @ts-ignore */
export type HttpsServer = import('node:https').Server
/** @ts-ignore */
export type Http2Server = import('node:http2').Http2Server
/** @ts-ignore */
export type Http2SecureServer = import('node:http2').Http2SecureServer
/** @ts-ignore */
export type Http2ServerRequest = import('node:http2').Http2ServerRequest
/** @ts-ignore */
export type Http2ServerResponse = import('node:http2').Http2ServerResponse
/** @ts-ignore */
export type Http2Session = import('node:http2').Http2Session
/** @ts-ignore */
export type Socket = import('node:net').Socket
/** @ts-ignore */
export type NodeBuffer = Buffer

declare global {
  // Each is merged with what a project has of it already.
  interface AbortSignal {}
  interface SymbolConstructor {
    readonly dispose: unique symbol
    readonly asyncDispose: unique symbol
  }
  interface Disposable {
    [Symbol.dispose](): void
  }
}
