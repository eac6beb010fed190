# An instance that exists already is held in a state; no version of the provider is asked for, the mirror decides.
terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

variable "instance_id" {
  type = string
}

variable "state" {
  type = string
}

# Endpoint, region and credentials come from the environment; whatever would ask another service is left out.
provider "aws" {
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_region_validation      = true
}

resource "aws_ec2_instance_state" "it" {
  instance_id = var.instance_id
  state       = var.state
  force       = true
}
