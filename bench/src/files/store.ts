/** The store of objects: a process of its own, which checks signatures, and addresses in it that are signed as S3 asks for. */

import { createHash, createHmac } from "node:crypto";
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { Running } from "../process.js";

/** The program: `crates/clients/examples/store.rs`, built with the project's release profile unless told otherwise. */
const binary = resolve(process.env.BRAIN_STORE_BIN ?? "../target/release/examples/store");

/** Where it is, and its keys, as it says itself. */
interface Place {
  readonly endpoint: string;
  readonly bucket: string;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

export class ObjectStore {
  readonly process: Running;
  private readonly place: Place;

  private constructor(started: Running, place: Place) {
    this.process = started;
    this.place = place;
  }

  /** Starts it over a folder, which is made. */
  static async start(folder: string): Promise<ObjectStore> {
    mkdirSync(folder, { recursive: true });
    const started = await Running.start("the store", binary, [folder], {
      cwd: folder,
      ready: "}",
      env: { PATH: process.env.PATH },
    });
    const place = JSON.parse(started.said.trim().split("\n").at(-1) ?? "") as Place;
    return new ObjectStore(started, place);
  }

  /** What the server must be told to keep its files here. */
  get environment(): Record<string, string> {
    return {
      AWS_S3_BUCKET: this.place.bucket,
      AWS_REGION: this.place.region,
      AWS_ENDPOINT_URL_S3: this.place.endpoint,
      AWS_S3_FORCE_PATH_STYLE: "true",
      AWS_ACCESS_KEY_ID: this.place.accessKeyId,
      AWS_SECRET_ACCESS_KEY: this.place.secretAccessKey,
    };
  }

  /**
   * An address that is good for one hour, for a request with exactly these headers. Signed by AWS Signature Version 4 in
   * the query; the key must need no escaping.
   */
  presign(
    method: string,
    key: string,
    headers: Readonly<Record<string, string>>,
    now = new Date(),
  ): string {
    const { endpoint, bucket, region, accessKeyId } = this.place;
    const time = now.toISOString().replace(/[-:]|\.\d+/g, "");
    const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
    const signed = Object.entries({ host: new URL(endpoint).host, ...headers }).sort(byName);
    const names = signed.map(([name]) => name).join(";");
    const query = new URLSearchParams([
      ["X-Amz-Algorithm", "AWS4-HMAC-SHA256"],
      ["X-Amz-Credential", `${accessKeyId}/${scope}`],
      ["X-Amz-Date", time],
      ["X-Amz-Expires", "3600"],
      ["X-Amz-SignedHeaders", names],
    ]).toString();
    const path = `/${bucket}/${key}`;
    const lines = signed.map(([name, value]) => `${name}:${value}\n`).join("");
    const request = [method, path, query, lines, names, "UNSIGNED-PAYLOAD"].join("\n");
    const hash = createHash("sha256").update(request).digest("hex");
    const text = ["AWS4-HMAC-SHA256", time, scope, hash].join("\n");
    const signature = hmac(this.signingKey(time.slice(0, 8)), text).toString("hex");
    return `${endpoint}${path}?${query}&X-Amz-Signature=${signature}`;
  }

  private signingKey(day: string): Buffer {
    const { region, secretAccessKey } = this.place;
    return [day, region, "s3", "aws4_request"].reduce<Buffer>(
      hmac,
      Buffer.from(`AWS4${secretAccessKey}`),
    );
  }
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function byName([a]: [string, string], [b]: [string, string]): number {
  return a < b ? -1 : 1;
}
