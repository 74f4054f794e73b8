/** Questions to PostgreSQL, each prepared once per connection under its name. */

import { Injectable } from "@nestjs/common";
import pg from "pg";

/** A statement and what PostgreSQL calls it. */
export interface Prepared {
  readonly name: string;
  readonly text: string;
}

@Injectable()
export class Database {
  private readonly pool = new pg.Pool({
    connectionString: process.env.DATABASE_URL,
    max: Number(process.env.POOL ?? 10),
  });

  async rows<Row extends pg.QueryResultRow>(
    statement: Prepared,
    values: unknown[],
  ): Promise<Row[]> {
    const { rows } = await this.pool.query<Row>({ ...statement, values });
    return rows;
  }
}
