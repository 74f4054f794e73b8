//! The GraphQL schemas that the roles of the tests see, as the project's metadata gives them.

/// What every role's schema begins with.
const TYPES: &str = "
scalar uuid
scalar timestamptz
scalar jsonb
schema { query: query_root mutation: mutation_root }
type files {
  id: uuid! createdAt: timestamptz! updatedAt: timestamptz! bucketId: String! name: String size: Int
  mimeType: String etag: String isUploaded: Boolean uploadedByUserId: uuid metadata: jsonb
}
";

const ADMIN: &str = "
type buckets {
  id: String! minUploadFileSize: Int! maxUploadFileSize: Int! cacheControl: String
  presignedUrlsEnabled: Boolean! downloadExpiration: Int!
}
enum order_by { asc asc_nulls_first asc_nulls_last desc desc_nulls_first desc_nulls_last }
input buckets_order_by { id: order_by maxUploadFileSize: order_by }
input Boolean_comparison_exp { _eq: Boolean }
input timestamptz_comparison_exp { _lt: timestamptz }
input files_bool_exp { isUploaded: Boolean_comparison_exp updatedAt: timestamptz_comparison_exp }
input files_pk_columns_input { id: uuid! }
input files_insert_input {
  id: uuid bucketId: String name: String size: Int mimeType: String uploadedByUserId: uuid isUploaded: Boolean
}
input files_set_input {
  id: uuid bucketId: String name: String size: Int mimeType: String etag: String isUploaded: Boolean metadata: jsonb
}
type query_root {
  file(id: uuid!): files
  files(where: files_bool_exp, limit: Int): [files!]!
  bucket(id: String!): buckets
  buckets(order_by: [buckets_order_by!], limit: Int, offset: Int): [buckets!]!
}
type mutation_root {
  insertFile(object: files_insert_input!): files
  updateFile(pk_columns: files_pk_columns_input!, _set: files_set_input): files
  deleteFile(id: uuid!): files
}
";

const USER: &str = "
input files_insert_input { id: uuid bucketId: String name: String size: Int mimeType: String }
type query_root { file(id: uuid!): files }
type mutation_root { insertFile(object: files_insert_input!): files }
";

const JANITOR: &str = "
type query_root { file(id: uuid!): files }
type mutation_root { deleteFile(id: uuid!): files }
";

const PUBLIC: &str = "
type plans { id: String! }
type query_root { plans: [plans!]! }
";

/// The schema of `role`.
pub(super) fn of_role(role: &str) -> String {
    match role {
        "admin" => format!("{TYPES}{ADMIN}"),
        "user" => format!("{TYPES}{USER}"),
        "janitor" => format!("{TYPES}{JANITOR}"),
        _ => format!("{}{PUBLIC}", TYPES.replace(" mutation: mutation_root", "")),
    }
}
