"""AWS Bedrock: where it is, how one signs in, which languages it speaks."""
