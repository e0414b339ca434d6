"""`make destroy`: ends what runs and keeps what lasts, so that `make deploy` brings everything back."""

import boto3
import stage as stages


def main():
    stage = stages.chosen()
    stage.delete("addons")
    stage.delete("core")
    base = stage.outputs("base")
    if base is None:
        print("There is nothing left")
        return
    describe = boto3.client("dynamodb").describe_table
    print(f"\nNothing runs any more. Kept, in the stack {stage.stack('base')}:")
    for table in stages.TABLES:
        print(f"  table {stage.resource(table)} ({describe(TableName=stage.resource(table))['Table']['TableSizeBytes']} bytes)")
    print(f"  bucket {base['Bucket']}")
    print(f"  queue {stage.resource('failures')} ({stages.waiting(base['Failures'])} messages)")
    print(f"  address {base['PublicUrl']}, and the logs")
    print("  certificates of nodes, which open nothing now")
    print("`make deploy` brings the cloud back with all of it; `make purge` deletes it for good")


main()
