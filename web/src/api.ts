// Requests to the program that served this page. Errors become ApiError, with the field they are about where they name one.

import type { Call, Key, LedgerPage, Offer, Session, SettingsPart } from "./types";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly buyUrl: string | null,
  ) {
    super(message);
  }

  /** The field of the request that the error is about. */
  get field(): string | null {
    if (["invalid_phone", "unsupported_region", "emergency_number"].includes(this.code)) return "to_phone_number";
    return /(?:required field|value for) '([a-z_]+)/.exec(this.message)?.[1] ?? null;
  }
}

let csrf = "";
let onSignedOut = () => {};

/** Says what to do when the session turns out to have ended. */
export function whenSignedOut(then: () => void) {
  onSignedOut = then;
}

async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = {};
  if (method !== "GET") headers["x-csrf-token"] = csrf;
  if (body !== undefined) headers["content-type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      cache: "no-store",
    });
  } catch {
    throw new ApiError(0, "unreachable", "The server cannot be reached. Is agentphone still running?", null);
  }
  const text = await response.text();
  const answer = text ? JSON.parse(text) : null;
  if (response.ok) return answer as T;
  if (response.status === 401 && path !== "/session") onSignedOut();
  throw new ApiError(
    response.status,
    answer?.code ?? "internal_error",
    answer?.error ?? `The server answered ${response.status}.`,
    answer?.buy_credits_url ?? null,
  );
}

const get = <T>(path: string) => request<T>("GET", path);

function entered(answer: { data: Session | null }): Session | null {
  csrf = answer.data?.csrf ?? "";
  return answer.data;
}

export const session = () => get<{ data: Session | null }>("/session").then(entered);
export const signIn = (body: { key: string } | { link: string }) =>
  request<{ data: Session }>("POST", "/session", body).then((answer) => entered(answer)!);
export const signOut = () => request<null>("DELETE", "/session").then(() => void (csrf = ""));

export const offer = () => get<{ data: Offer }>("/api/v1/lines").then((answer) => answer.data);
export const settings = () => get<{ data: SettingsPart[] }>("/api/v1/settings").then((answer) => answer.data);

export interface CallPage {
  data: Call[];
  has_more: boolean;
  next_cursor: string | null;
}
export const calls = (query: string) => get<CallPage>(`/api/v1/calls?${query}`);
export const call = (id: string) => get<{ data: Call }>(`/api/v1/calls/${id}`).then((answer) => answer.data);
export const createCall = (body: object) =>
  request<{ data: { call_id: string }; credits_remaining: number; warnings?: string[] }>("POST", "/api/v1/calls", body);
export const cancelCall = (id: string) => request<unknown>("POST", `/api/v1/calls/${id}/cancel?mode=now`);

export const keys = () => get<{ data: Key[] }>("/api/v1/keys").then((answer) => answer.data);
export const createKey = (body: object) => request<{ data: Key }>("POST", "/api/v1/keys", body).then((answer) => answer.data);
export const renameKey = (id: string, name: string) => request<unknown>("PATCH", `/api/v1/keys/${id}`, { name });
export const revokeKey = (id: string) => request<unknown>("DELETE", `/api/v1/keys/${id}`);

export const ledger = (cursor: string | null) =>
  get<LedgerPage>(`/api/v1/account/ledger?limit=20${cursor ? `&cursor=${cursor}` : ""}`);
export const checkout = () => request<{ data: { url: string } }>("POST", "/api/v1/billing/checkout").then((answer) => answer.data);

/** Opens a socket of the API with a token that is good for a minute: a browser cannot send a key with a handshake. */
export async function socket(path: string): Promise<WebSocket> {
  const { data } = await request<{ data: { protocols: string[] } }>("POST", "/api/v1/live/token");
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const opened = new WebSocket(`${scheme}//${location.host}${path}`, data.protocols);
  opened.binaryType = "arraybuffer";
  return opened;
}
