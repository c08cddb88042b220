/** Who performs HTTP and gRPC operations. */

import { Grpc } from './grpc.js';
import { Http } from './http.js';

/** A participant of the runtime's configuration. Workflows stay the same wherever it runs. */
export function participant(name: string): Participant {
  return new Participant(name);
}

/** A participant by its address, `http(s)://host:port`, for HTTP with an optional path before all paths. */
export function participantAt(url: string): Participant {
  return new Participant(url.replace(/\/+$/, ''));
}

/** A business service that branches call. An empty path calls its address itself. */
export class Participant {
  readonly #target: string;

  constructor(target: string) {
    this.#target = target;
  }

  /** `GET path`; the path may have a query. */
  get(path: string): Http {
    return this.#http('GET', path);
  }

  /** `POST path`. */
  post(path: string): Http {
    return this.#http('POST', path);
  }

  /** `PUT path`. */
  put(path: string): Http {
    return this.#http('PUT', path);
  }

  /** `PATCH path`. */
  patch(path: string): Http {
    return this.#http('PATCH', path);
  }

  /** `DELETE path`. */
  delete(path: string): Http {
    return this.#http('DELETE', path);
  }

  /** The unary gRPC method `package.Service/Method`. */
  grpc(method: string): Grpc {
    return new Grpc(this.#target, method.replace(/^\/+/, ''));
  }

  #http(method: string, path: string): Http {
    let start = 0;
    while (path[start] === '/') start += 1;
    return new Http(method, start === path.length ? this.#target : `${this.#target}/${path.slice(start)}`);
  }
}
