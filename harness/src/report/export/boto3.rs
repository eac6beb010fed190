use super::Material;
use crate::contract::Contract;
pub(super) fn export(_: &Material, _: &Contract) -> Result<String, String> {
    Err("later".into())
}
