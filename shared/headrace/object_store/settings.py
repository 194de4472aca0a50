"""Where the object store is."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

BUCKET = "headrace"
KMS_ALIAS = "alias/headrace"
READ_S = 10.0
"""Seconds that the store may be silent in an answer."""
LOCAL_SECRET = "local"  # noqa: S105  # a local S3 takes any


class StoreSettings(BaseSettings):
    """From the environment. Credentials and region are found as every AWS client finds them."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    endpoint_url: str | None = Field(default=None, validation_alias="S3_ENDPOINT_URL")
    """Of S3 and KMS; None for those of AWS."""
    bucket: str = Field(default=BUCKET, validation_alias="S3_BUCKET")
    kms_key_id: str = Field(default=KMS_ALIAS, validation_alias="KMS_KEY_ID")
    """The key that objects are encrypted with: its id, ARN or alias."""
    access_key_id: str | None = None
    secret_access_key: str | None = Field(default=None, repr=False)

    @property
    def configured(self) -> bool:
        """Whether somebody has said where the store is."""
        return self.endpoint_url is not None or "bucket" in self.model_fields_set
