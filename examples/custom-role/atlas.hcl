locals {
  endpoint = "cluster-id.dsql.us-east-1.on.aws"
  username = "atlas_migrations"
}

data "aws_dsql_token" "db" {
  endpoint = local.endpoint
  region   = "us-east-1"
}

env "dsql" {
  url = "dsql://${local.username}:${urlescape(data.aws_dsql_token.db)}@${local.endpoint}:5432/postgres?sslmode=require"
}
