/**
 * A service to sign in with, for browsers: it speaks OpenID Connect as Google does, and whoever comes is the person
 * that it was told, and says yes at once. It checks the proof key and who exchanges a code.
 */

import { createHash, createSign, generateKeyPairSync, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server as HttpServer, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";

export interface Somebody {
  readonly subject: string;
  readonly email: string;
}

export const client = { id: "the-messenger", secret: "known-to-both" };

export class OpenIdService {
  /** Who comes. */
  somebody: Somebody = { subject: "1", email: "nobody@example.org" };
  readonly issuer: string;
  private readonly server: HttpServer;
  private readonly codes = new Map<string, { challenge: string; token: string }>();
  private readonly keys = generateKeyPairSync("rsa", { modulusLength: 2048 });

  private constructor(server: HttpServer, issuer: string) {
    this.server = server;
    this.issuer = issuer;
  }

  static async start(): Promise<OpenIdService> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    if (address === null || typeof address !== "object") throw new Error("no address");
    const service = new OpenIdService(server, `http://127.0.0.1:${address.port}`);
    server.on("request", async (request, response) => {
      const { status, location, json } = await service.answer(request);
      if (location !== undefined) response.setHeader("location", location);
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify(json ?? null));
    });
    return service;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** The settings of a server that people can sign in to with this. */
  settings(): NodeJS.ProcessEnv {
    return {
      AUTH_PROVIDER_GOOGLE_ENABLED: "true",
      AUTH_PROVIDER_GOOGLE_CLIENT_ID: client.id,
      AUTH_PROVIDER_GOOGLE_CLIENT_SECRET: client.secret,
      AUTH_PROVIDER_GOOGLE_ISSUER: this.issuer,
    };
  }

  /** What an app gets that asks by itself. */
  idToken(nonce?: string): string {
    const now = Math.floor(Date.now() / 1000);
    const { subject, email } = this.somebody;
    const claims = { sub: subject, email, email_verified: true, name: "Somebody", nonce };
    const whole = { ...claims, iss: this.issuer, aud: client.id, iat: now, exp: now + 600 };
    const parts = [{ alg: "RS256", kid: "k1" }, whole].map((part) =>
      Buffer.from(JSON.stringify(part)).toString("base64url"),
    );
    const signature = createSign("sha256").update(parts.join(".")).sign(this.keys.privateKey);
    return [...parts, signature.toString("base64url")].join(".");
  }

  private async answer(
    request: IncomingMessage,
  ): Promise<{ status: number; location?: string; json?: unknown }> {
    const url = new URL(request.url ?? "/", this.issuer);
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return { status: 200, json: this.discovery() };
      case "/jwks": {
        const key = this.keys.publicKey.export({ format: "jwk" });
        return { status: 200, json: { keys: [{ ...key, kid: "k1", use: "sig", alg: "RS256" }] } };
      }
      case "/authorize":
        return { status: 302, location: this.consent(url.searchParams) };
      case "/token":
        return this.exchange(request.headers.authorization, await text(request));
      default:
        return { status: 404 };
    }
  }

  private discovery() {
    return {
      issuer: this.issuer,
      authorization_endpoint: `${this.issuer}/authorize`,
      token_endpoint: `${this.issuer}/token`,
      jwks_uri: `${this.issuer}/jwks`,
      response_types_supported: ["code"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256"],
    };
  }

  private consent(asked: URLSearchParams): string {
    const code = randomUUID();
    const token = this.idToken(asked.get("nonce") ?? undefined);
    this.codes.set(code, { challenge: asked.get("code_challenge") ?? "", token });
    const back = new URL(asked.get("redirect_uri") ?? "");
    back.searchParams.set("code", code);
    back.searchParams.set("state", asked.get("state") ?? "");
    return back.href;
  }

  private exchange(authorization: string | undefined, body: string) {
    const form = new URLSearchParams(body);
    const kept = this.codes.get(form.get("code") ?? "");
    this.codes.delete(form.get("code") ?? "");
    const shown = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url");
    const known = Buffer.from(`${client.id}:${client.secret}`).toString("base64");
    if (kept === undefined || shown !== kept.challenge || authorization !== `Basic ${known}`) {
      return { status: 400, json: { error: "invalid_grant" } };
    }
    const json = { access_token: randomUUID(), token_type: "Bearer", id_token: kept.token };
    return { status: 200, json };
  }
}
