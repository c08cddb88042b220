/** Operations: things done outside the guest, as plain data. One room per kind. */

export { Grpc } from './grpc.js';
export { Http } from './http.js';
export type { Op } from './op.js';
export { Participant, participant, participantAt } from './participant.js';
export { real, type Real, Sql, sql, type SqlParameter, type StatementOptions } from './sql.js';
