"""What dsqltok replaces: a script that makes one token with boto3. A reference of the bench, run as a program."""

import sys

import boto3

client = boto3.client("dsql", region_name="us-east-1")
sys.stdout.write(client.generate_db_connect_admin_auth_token("cluster-id.dsql.us-east-1.on.aws") + "\n")
