"""A store with rights: moto's S3 and IAM, told apart by the names that AWS has for rights.

One line of JSON on the standard input is an order, one on the standard output its answer; it ends with its input.
Where moto is laxer than AWS, or has other names, this says how AWS has it.
"""

import fnmatch
import json
import logging
import os
import sys
from urllib.parse import parse_qsl, urlsplit

os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "0"

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from moto.core.authorization import ActionAuthenticatorMixin
from moto.iam import access_control, iam_backends
from moto.s3 import responses, s3_backends
from moto.s3.exceptions import S3AccessDeniedError, S3ClientError
from moto.server import ThreadedMotoServer

ACCOUNT = "123456789012"
REGION = "eu-central-1"

# The names of rights (Service Authorization Reference, Amazon S3), by what stands in the query.
responses.ACTION_MAP["BUCKET"] = {
    "HEAD": {"DEFAULT": "ListBucket"},
    "GET": {
        "cors": "GetBucketCORS",
        "encryption": "GetEncryptionConfiguration",
        "lifecycle": "GetLifecycleConfiguration",
        "location": "GetBucketLocation",
        "ownershipControls": "GetBucketOwnershipControls",
        "policy": "GetBucketPolicy",
        "publicAccessBlock": "GetBucketPublicAccessBlock",
        "uploads": "ListBucketMultipartUploads",
        "versioning": "GetBucketVersioning",
        "DEFAULT": "ListBucket",
    },
    "PUT": {
        "cors": "PutBucketCORS",
        "encryption": "PutEncryptionConfiguration",
        "lifecycle": "PutLifecycleConfiguration",
        "ownershipControls": "PutBucketOwnershipControls",
        "policy": "PutBucketPolicy",
        "publicAccessBlock": "PutBucketPublicAccessBlock",
        "versioning": "PutBucketVersioning",
        "DEFAULT": "CreateBucket",
    },
    "DELETE": {"DEFAULT": "DeleteBucket"},
}


class Refused(S3ClientError):
    """An answer with a code and a status of its own."""

    def __init__(self, status, code, message):
        self.code = status
        super().__init__(code, message)


class Signed(access_control.S3IAMRequest):
    """A call that is signed in its headers, or in its address."""

    def __init__(self, headers, path, **rest):
        place = urlsplit(path)
        query = dict(parse_qsl(place.query, keep_blank_values=True))
        self._in_address = "X-Amz-Signature" in query
        if self._in_address:
            fields = {name: query["X-Amz-" + name] for name in ("Credential", "SignedHeaders", "Signature")}
            words = ", ".join(f"{name}={value}" for name, value in fields.items())
            headers = {**headers, "Authorization": "AWS4-HMAC-SHA256 " + words, "X-Amz-Date": query["X-Amz-Date"]}
            signed = [word for word in place.query.split("&") if not word.startswith("X-Amz-Signature=")]
            path = place.path + "?" + "&".join(signed)
        elif "Authorization" not in headers:
            raise S3AccessDeniedError()
        super().__init__(headers=headers, path=path, **rest)

    def _calculate_signature(self):
        if not self._in_address:
            return super()._calculate_signature()
        auth = Unhashed(self._access_key.create_credentials(), self._service, self._region)
        words = self._get_string_between("SignedHeaders=", ",", self._headers["Authorization"]).split(";")
        headers = self._create_headers_for_aws_request(words, self._headers)
        request = AWSRequest(method=self._method, url=self._path, headers=headers)
        request.context["timestamp"] = self._headers["X-Amz-Date"]
        return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)

    def may(self, action, resource, prefix):
        """Whether the caller's policies allow it; what is denied is denied."""
        allowed = False
        for policy in self._access_key.collect_policies():
            statements = json.loads(policy["policy_document"])["Statement"]
            for statement in statements if isinstance(statements, list) else [statements]:
                if meets(statement, action, resource, prefix):
                    if statement["Effect"] == "Deny":
                        return False
                    allowed = True
        return allowed


class Unhashed(S3SigV4Auth):
    """Signatures in addresses leave the body out."""

    def payload(self, request):
        return "UNSIGNED-PAYLOAD"


def listed(value):
    return value if isinstance(value, list) else [value]


def meets(statement, action, resource, prefix):
    if not any(fnmatch.fnmatchcase(action.lower(), one.lower()) for one in listed(statement["Action"])):
        return False
    if not any(fnmatch.fnmatchcase(resource, one) for one in listed(statement["Resource"])):
        return False
    for operator, fields in statement.get("Condition", {}).items():
        for name, values in fields.items():
            if operator not in ("StringLike", "StringLikeIfExists") or name != "s3:prefix":
                return False
            if prefix is None and operator == "StringLikeIfExists":
                continue
            if prefix is None or not any(fnmatch.fnmatchcase(prefix, one) for one in listed(values)):
                return False
    return True


def authorize(self, bucket_name=None, key_name=None):
    """Checks the signature and the rights of a call to S3."""
    url = urlsplit(self.uri)
    path = self.raw_path + ("?" + url.query if url.query else "")
    signed = Signed(
        account_id=self.current_account,
        method=self.method,
        path=path,
        data=self.data,
        body=self.raw_body,
        headers=self.headers,
        action=self._get_action(),
    )
    signed.check_signature()
    query = dict(parse_qsl(url.query, keep_blank_values=True))
    bucket = f"arn:aws:s3:::{bucket_name or '*'}"
    resource = f"{bucket}/{key_name}" if key_name else bucket
    for action in rights(self, key_name):
        if not signed.may(f"s3:{action}", resource, query.get("prefix")):
            raise S3AccessDeniedError()
    refuse_acl(self, bucket_name, key_name)
    if key_name and self.method in ("GET", "HEAD") and "uploadId" not in query:
        # What is not there is forbidden to those who may not list it; such a call names no prefix.
        if not s3().get_object(bucket_name, key_name) and not signed.may("s3:ListBucket", bucket, None):
            raise S3AccessDeniedError()


def rights(self, key_name):
    """The rights that a call needs."""
    needed = [self._get_action()]
    if not key_name and needed == ["CreateBucket"] and "x-amz-object-ownership" in self.headers:
        needed.append("PutBucketOwnershipControls")
    if key_name and needed == ["PutObject"] and "x-amz-acl" in self.headers:
        needed.append("PutObjectAcl")
    return needed


def refuse_acl(self, bucket_name, key_name):
    """Where the owner owns all, an access list can only say so."""
    acl = self.headers.get("x-amz-acl")
    if key_name and acl and acl != "bucket-owner-full-control":
        if s3().get_bucket(bucket_name).ownership_rule == "BucketOwnerEnforced":
            raise Refused(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")


def list_parts(self, listed=responses.S3Response.list_parts):
    """The answer by the name that AWS gives it."""
    status, headers, body = listed(self)
    return status, headers, body.replace("ListPartsResponse", "ListPartsResult")


def s3():
    return s3_backends[ACCOUNT]["aws"]


def person(policy):
    """Somebody with this policy, by their keys."""
    name = f"person-{len(people)}"
    people.append(name)
    iam = iam_backends[ACCOUNT]["aws"]
    iam.create_user("us-east-1", name)
    iam.put_user_policy(name, "policy", json.dumps(policy))
    key = iam.create_access_key(name)
    return {"id": key.access_key_id, "secret": key.secret_access_key}


def call(operation, arguments):
    """A call of the administrator's."""
    answer = getattr(administrator, operation)(**arguments)
    answer.pop("ResponseMetadata", None)
    return json.loads(json.dumps(answer, default=str))


people = []
logging.getLogger("werkzeug").setLevel(logging.ERROR)
ActionAuthenticatorMixin._authenticate_and_authorize_s3_action = authorize
responses.S3Response.list_parts = list_parts
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
endpoint = "http://{}:{}".format(*server.get_host_and_port())
owner = person({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
administrator = boto3.client(
    "s3",
    endpoint_url=endpoint,
    region_name=REGION,
    aws_access_key_id=owner["id"],
    aws_secret_access_key=owner["secret"],
)
print(json.dumps({"endpoint": endpoint}), flush=True)
for line in sys.stdin:
    order = json.loads(line)
    try:
        answer = person(order["policy"]) if "policy" in order else call(order["call"], order.get("with", {}))
    except Exception as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
os._exit(0)
